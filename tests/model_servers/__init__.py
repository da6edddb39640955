"""The real model servers as our other side: `make model-servers-test`."""
