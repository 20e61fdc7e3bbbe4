# Everything is in make.py, which runs without make as well: `python make.py help`.
#   make demo SECONDS=20
#   make test ARGS="-k session"
PYTHON ?= $(shell command -v python3 || command -v python)

.PHONY: help demo test lint format clean

help lint format clean:
	@$(PYTHON) make.py $@ $(ARGS)

demo:
	@$(PYTHON) make.py demo $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

test:
	@$(PYTHON) make.py test $(ARGS)
