from ipcsim.api import load as load
from ipcsim.api import run as run
from ipcsim.version import __version__ as __version__
