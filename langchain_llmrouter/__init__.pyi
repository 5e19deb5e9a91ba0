from shared_core import *

from .chat_model import ChatLLMRouter as ChatLLMRouter
from .messages import query_of as query_of
from .messages import routing_record as routing_record
