from shared_core import *

from .engines import RouterToolRetriever as RouterToolRetriever
from .engines import router_query_engine as router_query_engine
from .engines import router_retriever as router_retriever
from .engines import tool_router_query_engine as tool_router_query_engine
from .events import RoutingDecisionEvent as RoutingDecisionEvent
from .llm import RouterLLM as RouterLLM
from .messages import query_of as query_of
from .messages import routing_record as routing_record
from .selector import RoutedSelection as RoutedSelection
from .selector import RouterSelector as RouterSelector
