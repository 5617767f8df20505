"""What all tests may import: the support package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
