from ipcsim.api import load as load
from ipcsim.api import run as run
from ipcsim.campaigns import repeat as repeat
from ipcsim.verification import verify as verify
from ipcsim.version import __version__ as __version__
