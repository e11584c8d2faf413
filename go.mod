module github.com/singchia/geminio

go 1.24.0

require (
	github.com/golang/mock v1.6.0
	github.com/jumboframes/armorigo v0.2.5
	github.com/singchia/go-timer/v2 v2.2.2
	github.com/stretchr/testify v1.8.4
	go.uber.org/goleak v1.3.0
	golang.org/x/net v0.33.0
)

require (
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/kr/text v0.1.0 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)
