package status

import (
	"cmp"
	"slices"
	"time"
)

// Snapshot is what there is to show at one moment.
type Snapshot struct {
	Started time.Time `json:"started"` // when the public side started
	Agents  []Agent   `json:"agents"`  // in any order
}

// Agent is somebody who dials in and offers services.
type Agent struct {
	Name      string    `json:"name"`
	Remote    string    `json:"remote"` // the address it connects from
	Since     time.Time `json:"since"`  // when it came; cuts that it came back from do not count
	Connected bool      `json:"connected"`
	Services  []Service `json:"services"` // in any order
}

// Service is one thing that an agent offers, and what went through it.
type Service struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`     // tcp or http
	Public   string `json:"public"`   // where users reach it
	Active   int64  `json:"active"`   // connections of users now
	Total    int64  `json:"total"`    // connections of users ever
	BytesIn  int64  `json:"bytesIn"`  // from users to the service
	BytesOut int64  `json:"bytesOut"` // from the service to users
}

// document is a snapshot with the moment it was taken at: what the page shows
// and /status.json answers.
type document struct {
	Now time.Time `json:"now"`
	Snapshot
}

// documentOf copies the snapshot, ordered by names: the page must not jump
// because a map was walked in another order. No list in it is nil.
func documentOf(s Snapshot, now time.Time) document {
	agents := append([]Agent{}, s.Agents...)
	for i := range agents {
		services := append([]Service{}, agents[i].Services...)
		slices.SortStableFunc(services, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
		agents[i].Services = services
	}
	slices.SortStableFunc(agents, func(a, b Agent) int { return cmp.Compare(a.Name, b.Name) })
	return document{Now: now, Snapshot: Snapshot{Started: s.Started, Agents: agents}}
}

// Connected counts the agents that are connected.
func (d document) Connected() (n int) {
	for _, agent := range d.Agents {
		if agent.Connected {
			n++
		}
	}
	return n
}

// Active counts the connections of users.
func (d document) Active() int64 {
	return d.sum(func(s Service) int64 { return s.Active })
}

// Bytes counts what went through all services, both ways.
func (d document) Bytes() int64 {
	return d.sum(func(s Service) int64 { return s.BytesIn + s.BytesOut })
}

// Services counts the services of all agents.
func (d document) Services() int64 {
	return d.sum(func(Service) int64 { return 1 })
}

func (d document) sum(of func(Service) int64) (n int64) {
	for _, agent := range d.Agents {
		for _, service := range agent.Services {
			n += of(service)
		}
	}
	return n
}
