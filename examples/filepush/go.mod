module github.com/singchia/geminio/examples/filepush

go 1.24.0

require (
	github.com/creack/pty v1.1.24
	github.com/jumboframes/armorigo v0.2.5
	github.com/singchia/geminio v0.0.0-00010101000000-000000000000
	github.com/stretchr/testify v1.8.4
	github.com/vbauerster/mpb/v8 v8.10.2
	go.uber.org/goleak v1.3.0
	golang.org/x/term v0.30.0
)

require (
	github.com/VividCortex/ewma v1.2.0 // indirect
	github.com/acarl005/stripansi v0.0.0-20180116102854-5a71ef0e047d // indirect
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/mattn/go-runewidth v0.0.16 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/singchia/go-timer/v2 v2.2.2 // indirect
	golang.org/x/sys v0.33.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/singchia/geminio => ../..
