# What people and CI call. Every target sets up what it needs, into ignored folders of the checkout.
.DEFAULT_GOAL := help
# What has to be set up is set up side by side: most of it waits for the network.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += --jobs=4
endif
.PHONY: help run web emulate test check coverage fuzz traps outcomes bench zip lock clean
.PHONY: lint lint-pages types building-adapter fleet-test scale model-servers-test lock-my-app
.PHONY: screenshots infra cost deploy destroy logs image image-run image-stop image-full image-test
.PHONY: image-mutations adapter sbom
SHELL := /bin/sh
# Hundreds of short Python programs run in the tests: each would compile everything again.
export PYTHONDONTWRITEBYTECODE :=

PORT ?= 9000
BIN := .venv/bin
# The newest Python of this machine that will do.
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
NPM_CI := npm ci --no-audit --no-fund --loglevel=error --prefix
WEB := web/useChat-demo
MINIMAL := web/minimal
DOCKER ?= $(shell command -v docker || command -v podman || echo docker)
IMAGE ?= deltaline
STACK ?= dev
TARGET ?= web-adapter
VARIANT ?= full
# How many processes the tests share; most of them wait for other programs. -n 0: one, as plain pytest.
WORKERS ?= 4
# uv installs in seconds what takes pip minutes; where it does not work (no wheel of it, an index that
# only pip is told of), pip does.
INSTALL = install() { $(BIN)/uv pip install --quiet --python $(BIN)/python "$$@" 2>/dev/null \
	|| $(BIN)/pip install --quiet --disable-pip-version-check "$$@"; }; install
# Every setting of this shell goes along into the container.
SETTINGS = $(foreach name,$(filter CHAT_% OPENAI_% AZURE_OPENAI_% MY_APP_%,$(.VARIABLES)),--env $(name))
# The packages of the user's own code, if there is any; installed with ours, so locked with ours.
OWN := $(wildcard my_app/requirements.txt my_app/requirements.lock)
OWN_LOCK = $(patsubst %,--requirement %,$(filter %.lock,$(OWN)))
NODE_READY := tests/conformance/node_modules/.ready tests/emulator/node/node_modules/.ready \
	tests/mcp/servers/node_modules/.ready tests/owners/provider/node_modules/.ready

##@ Try it

help: ## Show this list
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-12s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.ready-run web ## Set up and serve on http://127.0.0.1:9000 (PORT= changes it)
	@PORT=$(PORT) CHAT_STORE=$${CHAT_STORE:-sqlite:.chats/chats.db} $(BIN)/python -m app serve --demo

emulate: .venv/.ready-run ## Set up and serve a local Lambda that streams on port 9000 (PORT= changes it)
	@$(BIN)/python -m app emulate --port $(PORT)

web: ## Build the pages at / and /minimal/, if npm is there
	@if command -v npm >/dev/null; then \
		$(MAKE) --silent --no-print-directory $(WEB)/dist/index.html $(MINIMAL)/dist/index.html \
		|| echo "The pages could not be built (they want Node 20.19 or later); the API works without."; \
	else echo "npm is not installed: no page at / and /minimal/; the API works without."; fi

##@ Check it

test: building-adapter .venv/.ready-dev $(NODE_READY) web ## Set up and run every test (WORKERS= changes the number of processes)
	$(BIN)/pytest -n $(WORKERS)

check: lint types lint-pages ## Lint and check types

lint: .venv/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.ready-dev
	$(BIN)/mypy

# Type-aware, so it needs the packages whose types it asks for.
lint-pages: $(WEB)/node_modules/.ready $(MINIMAL)/node_modules/.ready
	@if [ -e $(WEB)/node_modules/.ready ]; then set -x; cd $(WEB) && npm run --silent lint && cd .. && \
		OXLINT_TSGOLINT_PATH=$$PWD/useChat-demo/node_modules/.bin/tsgolint useChat-demo/node_modules/.bin/oxlint \
			--type-aware --config useChat-demo/.oxlintrc.json minimal && \
		useChat-demo/node_modules/.bin/prettier --check --log-level warn 'minimal/{src/*,*.ts,*.html}'; \
	else echo "npm is not installed: the pages are not linted."; fi

coverage: .venv/.ready-dev ## Check that each sans-IO module is covered to its last branch by its own tests
	$(BIN)/python -m tests.module_coverage

fuzz: .venv/.ready-dev ## Feed every parser with odd bytes, FUZZ_S=60 seconds each (FUZZ="sse prelude" chooses)
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_S) $(FUZZ)
	OPENAPI_EXAMPLES=300 $(BIN)/pytest -q tests/http/test_openapi.py
FUZZ_S ?= 60

traps: .venv/.ready-dev tests/conformance/node_modules/.ready ## Spoil our bytes and see that the real clients notice
	$(BIN)/python -m tests.conformance --traps

outcomes: .venv/.ready-dev ## Invoke functions that end well, fail in mid-stream and take too long
	$(BIN)/python -m examples.run_outcomes

fleet-test: .venv/.ready-dev ## Random requests and faults on three servers, judged (FLEET_S=300 SEED=1 STORE=sqlite)
	$(BIN)/python -m tests.fleet --seconds $(FLEET_S) --seed $(SEED) --store $(STORE)
FLEET_S ?= 300
SEED ?= 1
STORE ?= sqlite

model-servers-test: .cache/model-servers/llama-cpp/.ready .cache/model-servers/litellm/.ready ## Chat with llama.cpp's server and LiteLLM's proxy
	$(BIN)/pytest tests/model_servers/check_servers.py

##@ The container image

image: ## Build the container image (TARGET=runtime: our own runtime; VARIANT=lean: for Lambda; IMAGE= names it)
	@$(PYTHON) -m infra.build_image --docker $(DOCKER) --target $(TARGET) --tag $(IMAGE) \
		--build-arg VARIANT=$(VARIANT) $(BUILD_ARGS)
	@$(DOCKER) image inspect --format '{{.Size}}' $(IMAGE) | awk '{ printf "$(IMAGE): %.0f MB\n", $$1 / 1e6 }'

image-run: ## Run the image: a local Lambda on http://127.0.0.1:9000 (PORT= changes it)
	@$(DOCKER) run --detach --rm --name deltaline --publish 127.0.0.1:$(PORT):8080 \
		--read-only --cap-drop ALL $(SETTINGS) $(IMAGE)

image-stop: ## Stop what image-run started
	@$(DOCKER) stop deltaline

image-full: image ## Build the image, run it, chat through curl, stop it
	@CHAT_PROVIDER=scripted $(MAKE) --no-print-directory image-run
	@status=0; python3 -m tests.container.curl http://127.0.0.1:$(PORT) || status=$$?; \
	$(MAKE) --no-print-directory image-stop && exit $$status

adapter: ## Build the real Lambda Web Adapter as others run it, for `make bench` (cargo; minutes, once)
	@$(PYTHON) -m tests.aws.build_adapter --release

# The tests that need it come late and wait for it.
building-adapter:
	@$(PYTHON) -m tests.aws.build_adapter --detach

image-mutations: building-adapter .venv/.ready-dev ## Spoil the Dockerfile in every way we know and see which test notices (an hour; STAND_INS=1)
	$(BIN)/python -m tests.container.mutations

image-test: building-adapter .venv/.ready-dev $(NODE_READY) ## Build the image and test it as its users run it (STAND_INS=1: no image is pulled)
	$(BIN)/pytest tests/container/check_*.py

##@ Build and measure

screenshots: .venv/.ready-dev web ## Take the pictures of the demo page anew
	$(BIN)/python -m tests.web.screenshots

zip: .venv/.ready-dev ## Build dist/function.zip for Lambda (ZIP="--arch arm64 --lean")
	$(BIN)/python -m infra.package_zip $(ZIP)

sbom: .venv/.ready-dev ## Write dist/sbom.cdx.json, the image's bill of materials (SBOM="--variant lean --arch arm64")
	$(BIN)/python -m infra.sbom $(SBOM)

bench: .venv/.ready-dev ## Measure beside what users would pick instead (BENCH=--quick for a short run, BENCH=--speed for docs/speed.md)
	$(BIN)/python -m bench $(BENCH)

scale: .venv/.ready-dev ## Count what turns cost the stores, and compute what many streams need (docs/scaling.md)
	$(BIN)/python -m bench.scaling $(SCALE)

##@ The stack on AWS

infra: .venv/.ready-infra ## Install what the stack on AWS needs

cost: .venv/.ready-infra ## Compute what the stack costs an hour and a turn (STACK=dev; COST=--help)
	@$(BIN)/python -m infra.cost --stack $(STACK) $(COST)

deploy: .venv/.ready-infra ## Create or update the stack on AWS (STACK=dev; YES=1 asks nothing, for CI)
	@case "$$(pulumi config get packaging --stack $(STACK)) $$(pulumi config get examples --stack $(STACK))" in \
	zip*|*true) $(BIN)/python -m infra.package_zip --arch "$$(pulumi config get architecture --stack $(STACK))";; esac
	@if [ "$$(pulumi config get frontDoor --stack $(STACK))" = cloudfront ]; then $(MAKE) web; fi
	pulumi up --stack $(STACK) $(UNATTENDED)
UNATTENDED = $(if $(YES),--yes --non-interactive)

destroy: .venv/.ready-infra ## Remove the stack from AWS (STACK=dev; YES=1 asks nothing)
	pulumi destroy --stack $(STACK) $(UNATTENDED)
	@echo "To forget the stack too, and keep its settings: pulumi stack rm $(STACK) --preserve-config"

logs: ## Follow the function's log (STACK=dev; needs version 2 of the AWS CLI)
	@case "$$(aws --version 2>&1)" in aws-cli/1.*) echo "This needs version 2 of the AWS CLI; here is 1."; exit 1;; \
	aws-cli/*) ;; *) echo "This needs the AWS CLI, version 2."; exit 1;; esac
	@eval "$$(pulumi stack output logs --stack $(STACK))"

##@ The checkout

lock: .venv/.ready-dev ## Resolve the dependencies anew and write the lock files
	$(BIN)/uv pip compile $(COMPILE) pyproject.toml -o requirements.lock
	$(BIN)/python -m infra.lean_packages
	$(BIN)/uv pip compile $(COMPILE) --group infra -c requirements.lock -o requirements-infra.lock
	$(BIN)/uv pip compile $(COMPILE) --group llama-cpp -o requirements-llama-cpp.lock
	$(BIN)/uv pip compile $(COMPILE) --group litellm -o requirements-litellm.lock
	$(BIN)/uv pip compile $(COMPILE) pyproject.toml --extra aws --extra mcp --extra otel-grpc --extra metrics --group dev --group infra -c requirements.lock -o requirements-dev.lock
	@test ! -e my_app/requirements.txt || $(BIN)/python -m infra.own_code lock --upgrade
COMPILE := --quiet --upgrade --universal --generate-hashes --python-version 3.11 --no-annotate --no-header

lock-my-app: .venv/.uv ## Lock what my_app/requirements.txt names, together with our own packages
	@$(BIN)/python -m infra.own_code lock

clean: ## Remove everything that the other targets made
	rm -rf .venv .cache .coverage .fleet .fuzz .hypothesis .mypy_cache .pytest_cache .ruff_cache dist

$(WEB)/dist/index.html: $(WEB)/node_modules/.ready $(WEB)/index.html $(shell find $(WEB)/src $(WEB)/*.ts $(WEB)/*.mjs -type f 2>/dev/null)
	@echo "Building the demo page …"
	@cd $(WEB) && npm run --silent build >/dev/null

$(MINIMAL)/dist/index.html: $(MINIMAL)/node_modules/.ready $(MINIMAL)/index.html $(shell find $(MINIMAL)/src $(MINIMAL)/*.ts -type f 2>/dev/null)
	@echo "Building the page to begin with …"
	@cd $(MINIMAL) && npm run --silent build >/dev/null
	@node $(WEB)/compress.mjs $(MINIMAL)/dist

# npm's packages are the other side of the protocol tests; without node those tests skip.
%/node_modules/.ready: %/package-lock.json
	@if command -v npm >/dev/null; then $(NPM_CI) $* && touch $@; \
	else echo "npm is not installed: the tests that need $* will be skipped."; fi

.venv/pyvenv.cfg:
	@test -n "$(PYTHON)" || { echo "Deltaline needs Python 3.11 or later; none was found (set PYTHON=)."; exit 1; }
	@echo "Setting up .venv with $(PYTHON) …"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "python -m venv failed; on Debian: apt install python3-venv"; exit 1; }

.venv/.uv: .venv/pyvenv.cfg
	@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.lock >.venv/uv.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock || true
	@touch $@

.venv/.ready-run: requirements.lock $(OWN) .venv/.uv
	@$(BIN)/python -m infra.own_code check
	@echo "Installing what the server needs …"
	@$(INSTALL) --require-hashes -r requirements.lock $(OWN_LOCK)
	@touch $@

# Each in an environment of its own: their packages do not go together, nor with ours.
.cache/model-servers/%/.ready: requirements-%.lock .venv/.ready-dev
	@echo "Installing $* …"
	@rm -rf $(@D) && $(PYTHON) -m venv $(@D)
	@$(BIN)/uv pip install --quiet --python $(@D)/bin/python --require-hashes -r $< 2>/dev/null \
		|| $(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/.ready-infra: requirements-infra.lock .venv/.uv
	@echo "Installing what the stack on AWS needs …"
	@$(INSTALL) --require-hashes -r requirements-infra.lock
	@touch $@

# It holds what the server needs, too.
.venv/.ready-dev: requirements-dev.lock pyproject.toml $(OWN) .venv/.uv
	@$(BIN)/python -m infra.own_code check
	@echo "Installing what the tests need …"
	@$(INSTALL) --require-hashes -r requirements-dev.lock $(OWN_LOCK)
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch .venv/.ready-run $@
