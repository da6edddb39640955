"""Our Lambda runtime on uvloop, which is not how it is shipped: is it worth its five megabytes?"""

import os
import sys

import uvloop

from app.lambda_runtime.runtime import serve

sys.exit(uvloop.run(serve(os.environ)))
