module github.com/singchia/geminio/examples/mq

go 1.24.0

require (
	github.com/jumboframes/armorigo v0.2.5
	github.com/singchia/geminio v0.0.0-00010101000000-000000000000
	github.com/stretchr/testify v1.10.0
	go.etcd.io/bbolt v1.4.3
	go.uber.org/goleak v1.3.0
)

require (
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/singchia/go-timer/v2 v2.2.2 // indirect
	golang.org/x/sys v0.29.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/singchia/geminio => ../..
