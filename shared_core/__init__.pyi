from .artifacts import Artifact as Artifact
from .decision import Answer as Answer, Ask as Ask, Attempt as Attempt, Flow as Flow
from .decision import RoutingDecision as RoutingDecision
from .dispatch import Dispatcher as Dispatcher
from .encoders.base import Encoder as Encoder
from .encoders.function import FunctionEncoder as FunctionEncoder
from .encoders.lexical import LexicalEncoder as LexicalEncoder
from .encoders.transformer import TransformerEncoder as TransformerEncoder
from .errors import AllModelsFailed as AllModelsFailed, ArtifactError as ArtifactError
from .errors import ConfigError as ConfigError, DataError as DataError, MissingExtra as MissingExtra
from .errors import NoEligibleModel as NoEligibleModel, NotFitted as NotFitted
from .errors import PoolError as PoolError, RouterError as RouterError
from .evaluation.evaluate import Evaluation as Evaluation, evaluate as evaluate
from .events import Listener as Listener, RoutingEvent as RoutingEvent
from .outcomes.table import OutcomeTable as OutcomeTable
from .policies.base import Policy as Policy, Predictions as Predictions
from .policies.cost_quality import CostQuality as CostQuality
from .pool import Candidate as Candidate, ModelPool as ModelPool
from .query import Query as Query
from .routers.base import Router as Router
from .routers.baselines import Always as Always, Cheapest as Cheapest
from .routers.baselines import Oracle as Oracle, Random as Random
from .routers.predictive.base import PredictiveRouter as PredictiveRouter
from .routers.predictive.knn import KNNRouter as KNNRouter
