"""Our Lambda runtime on uvloop, to see whether uvloop would be worth its five megabytes."""

import os
import sys

import uvloop

from app.lambda_runtime.runtime import serve

sys.exit(uvloop.run(serve(os.environ)))
