# Everything here runs on a machine that has Go; -race needs a C compiler too.

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
RACE        := $(shell command -v $$($(GO) env CC) >/dev/null 2>&1 && echo -race)
FILE        ?=

# What needs more than the library does is a module of its own.
PEERS       := test/bench/peers
MODULES     := $(dir $(wildcard examples/*/go.mod examples/*/*/go.mod)) $(PEERS)/

.PHONY: all demo test examples modules check fmt lint portable generate fuzz bench bench-peers goals pages resume soak cover

all: check

## demo: two processes, a file, calls, messages and a web page over one connection (FILE=path sends yours)
demo:
	@$(GO) run ./examples/demo $(if $(FILE),-file "$(FILE)")

## test: every test, under the race detector; then what that would falsify or slow down: counts of allocations, the simulation
test:
	@$(if $(RACE),,echo "no C compiler here: the tests run without the race detector")
	$(GO) test $(RACE) -shuffle=on -timeout 20m ./...
	$(GO) test -run 'Alloc|Simulated' -count=1 ./...

## examples: build every example and run its tests, as a person or a program would run it
examples: modules
	$(GO) test $(RACE) -shuffle=on -timeout 10m ./examples/...

modules:
	@for m in $(MODULES); do echo "cd $$m; $(GO) test ./..."; (cd $$m && $(GO) test $(RACE) -shuffle=on -timeout 10m ./...) || exit 1; done

## check: what has to hold before a change lands
check: fmt lint portable generate modules test

fmt:
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "gofmt these:"; echo "$$out"; exit 1; fi
	$(GO) mod tidy -diff
	$(GO) mod verify
	@for m in $(MODULES); do (cd $$m && $(GO) mod tidy -diff) || exit 1; done

lint:
	$(GO) vet ./... ./.ci/comments ./.ci/unchanged
	$(GO) run $(STATICCHECK) ./... ./.ci/comments ./.ci/unchanged
	$(GO) run ./.ci/comments . client server options delegate pkg/id packet
	$(GO) test ./.ci/comments
	@for m in $(MODULES); do (cd $$m && $(GO) vet ./... && $(GO) run $(STATICCHECK) ./...) || exit 1; done

portable:
	GOARCH=386 $(GO) vet ./...
	GOOS=windows $(GO) vet ./...
	GOOS=darwin $(GO) vet ./...

## generate: the generated files are what their sources give
generate:
	@$(GO) run ./.ci/unchanged $(GO) generate ./...

## fuzz: every fuzz target for FUZZTIME
FUZZTIME ?= 15s
fuzz:
	$(GO) test -run '^$$' -fuzz '^FuzzDecode$$' -fuzztime $(FUZZTIME) ./packet
	$(GO) test -run '^$$' -fuzz '^FuzzHandshake$$' -fuzztime $(FUZZTIME) ./packet

## bench: every benchmark once, then what has become slower since the last tag, or since BASE=revision; with
## PROFILE=dir profiles of the benchmarks instead (BENCH=regexp chooses)
BASE    ?=
BENCH   ?=
PROFILE ?=
bench:
ifeq ($(PROFILE),)
	$(GO) test -run '^$$' -bench '$(if $(value BENCH),$(value BENCH),.)' -benchtime 1x ./...
	$(GO) run ./test/bench/cmd/compare $(if $(BASE),-base '$(BASE)') $(if $(value BENCH),-bench '$(value BENCH)')
else
	@mkdir -p '$(PROFILE)'
	$(GO) test -run '^$$' -bench '$(if $(value BENCH),$(value BENCH),.)' -benchmem -o '$(PROFILE)/bench.test' -outputdir '$(abspath $(PROFILE))' \
		-cpuprofile cpu.prof -memprofile mem.prof -mutexprofile mutex.prof -blockprofile block.prof ./test/bench
endif

## bench-peers: every library beside geminio, in interleaved rounds; writes docs/performance.md and its charts
ROUNDS ?= 5
SPAN   ?= 1s
bench-peers:
	cd $(PEERS) && $(GO) run . compare -rounds $(ROUNDS) -d $(SPAN) -cpu 1,2 $(if $(shell command -v strace),-strace) -o results.json
	cd $(PEERS) && $(GO) run ./report/cmd -results results.json -docs ../../../docs

## goals: geminio beside what it is to reach, met or missed (GOALS='-rounds 7 -d 300ms' for a quick look)
goals:
	cd $(PEERS) && $(GO) run . goals $(GOALS)

## resume: what it costs that a session may survive its connection
resume:
	$(GO) run ./test/bench/cmd/resume

## pages: type the commands of README.md, docs/usage.md and examples/README.md as they stand there, and compare what they print
pages:
	GEMINIO_PAGES=1 $(GO) test -count=1 -v ./test/docs

## soak: what takes longer than a change may wait
soak:
	GEMINIO_SEEDS=20000 $(GO) test -run Simulated -timeout 1h -v ./conn
	GEMINIO_SOAK=1 $(GO) test -run TestMutantsAreFound -timeout 2h -v ./conn
	GEMINIO_SOAK=1 $(GO) test $(RACE) -run TestHundredCuts -timeout 1h -v ./client
	GEMINIO_SOAK=1 $(GO) test $(RACE) -timeout 3h -v ./test/session
	GEMINIO_SOAK=1 $(GO) test $(RACE) -timeout 1h -v ./test/process
	GEMINIO_NETTEST_COUNT=100 $(GO) test $(RACE) -run TestStreamsAreNetConns -timeout 3h -v ./test/conformance
	$(MAKE) fuzz FUZZTIME=10m

cover:
	$(GO) test -coverpkg=./... -coverprofile=cover.out ./...
	$(GO) tool cover -func=cover.out | tail -1
