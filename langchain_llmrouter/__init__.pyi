from shared_core import *

from .chat_model import ChatLLMRouter as ChatLLMRouter
from .decision_model import LLMRouterDecisionModel as LLMRouterDecisionModel
from .messages import query_of as query_of
from .messages import routing_record as routing_record
from .middleware import LLMRouterMiddleware as LLMRouterMiddleware
from .runnable import RunnableLLMRouter as RunnableLLMRouter
