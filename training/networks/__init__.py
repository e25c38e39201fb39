"""Networks that regress the parameter vector from a crop."""

from training.networks.checkpoint import Network, NetworkCheckpoint, NetworkConfig, load_network, make_network
from training.networks.decoder import ParameterDecoder
from training.networks.lite0 import Lite0
from training.networks.prediction import Prediction
from training.networks.resnet50 import ResNet50Config, ResNet50Regressor
from training.networks.student import Student, StudentConfig, Trunk

__all__ = [
    "Lite0",
    "Network",
    "NetworkCheckpoint",
    "NetworkConfig",
    "ParameterDecoder",
    "Prediction",
    "ResNet50Config",
    "ResNet50Regressor",
    "Student",
    "StudentConfig",
    "Trunk",
    "load_network",
    "make_network",
]
