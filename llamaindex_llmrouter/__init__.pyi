from shared_core import *

from .events import RoutingDecisionEvent as RoutingDecisionEvent
from .llm import RouterLLM as RouterLLM
from .messages import query_of as query_of
from .messages import routing_record as routing_record
from .selector import RoutedSelection as RoutedSelection
from .selector import RouterSelector as RouterSelector
