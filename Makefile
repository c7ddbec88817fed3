# The two commands: `make demo` and `make test`. Both set themselves up; neither needs activation.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SUMO_LIBRARIES := libgl1 libx11-6 libxext6 libxrender1 libatomic1
PDF_LIBRARIES := libpango-1.0-0 libpangoft2-1.0-0

.PHONY: install demo test test-all lint clean

install: $(STAMP)

# Debian's python3 comes without ensurepip: the environment is made empty and filled from outside.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv --without-pip $(VENV)
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check \
		-c constraints.txt -e '.[cities,bench,console,pdf,test,traces]'
	@$(MAKE) --no-print-directory sumo-libraries
	$(BIN)/throughband doctor
	@touch $(STAMP)

# The SUMO wheel does not bring the shared libraries that even its headless programs link to.
.PHONY: sumo-libraries
sumo-libraries:
	@if ! $(BIN)/sumo --version >/dev/null 2>&1; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
				--no-install-recommends $(SUMO_LIBRARIES); \
		else \
			echo "SUMO needs shared libraries; run as root:"; \
			echo "  apt-get install --no-install-recommends $(SUMO_LIBRARIES)"; \
			exit 1; \
		fi; \
	fi

# WeasyPrint draws reports as PDF with Pango; all else works without.
.PHONY: pdf-libraries
pdf-libraries:
	@if ! $(BIN)/python -c "import weasyprint" >/dev/null 2>&1; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
				--no-install-recommends $(PDF_LIBRARIES) >/dev/null; \
		else \
			echo "reports as PDF need shared libraries; run as root:"; \
			echo "  apt-get install --no-install-recommends $(PDF_LIBRARIES)"; \
		fi; \
	fi

# Numba looks for changes in the caller's file alone: what calls a kernel of another file would go on
# with the one that it was compiled with. So every change of a kernel discards all that is compiled.
.PHONY: fresh-kernels
fresh-kernels: install
	@now=$$(grep -rl --include='*.py' numba engine network | LC_ALL=C sort | xargs sha256sum | sha256sum); \
	if [ "$$now" != "$$(cat $(VENV)/.kernels 2>/dev/null)" ]; then \
		find engine network \( -name '*.nbi' -o -name '*.nbc' \) -delete; \
		echo "$$now" >$(VENV)/.kernels; \
	fi

demo: fresh-kernels
	$(BIN)/throughband run cologne8 --approve-by-policy

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# One thread of linear algebra: several only get into each other's way on small matrices.
THREADS := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1

# Net-SNMP is the third opinion of the bridge's tests, strace stops a process at a chosen write,
# PostgreSQL is the other database of the console's; without them those tests are skipped and say so.
.PHONY: test-tools
test-tools: pdf-libraries
	@if ! { command -v snmpget && command -v snmpd && command -v strace && \
		{ command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null; }; } >/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
				--no-install-recommends snmp snmpd strace postgresql >/dev/null; \
		else \
			echo "some tests are skipped; they need the Debian packages snmp snmpd strace postgresql"; \
		fi; \
	fi

# Two processes; a file's tests stay together, for what they build they share.
SIDE_BY_SIDE := -n 2 --dist loadfile

test: lint test-tools fresh-kernels
	$(THREADS) $(BIN)/python -m pytest -m 'not slow' $(SIDE_BY_SIDE)

test-all: lint test-tools fresh-kernels
	$(THREADS) $(BIN)/python -m pytest $(SIDE_BY_SIDE)

# The documentation site, with its gallery run; a warning is an error.
.PHONY: docs
docs: fresh-kernels
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check \
		-c constraints.txt -e '.[cities,bench,console,pdf,test,traces,learning,docs]'
	$(THREADS) MPLBACKEND=agg $(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html
	@echo "docs/_build/html/index.html"

clean:
	rm -rf $(VENV) runs docs/_build docs/generated docs/sg_execution_times.rst
