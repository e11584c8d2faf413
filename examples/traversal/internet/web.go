package main

import (
	"context"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio/examples/traversal/internal/pipe"
)

// web serves all HTTP services on one port: the Host of a request says which.
type web struct {
	domain string
	port   int

	mu     sync.Mutex // guards what follows
	routes map[string]route
}

// route is a service under its host name.
type route struct {
	service *service
	proxy   *httputil.ReverseProxy
}

func newWeb(domain string) *web {
	return &web{domain: strings.ToLower(strings.Trim(domain, ".")), routes: make(map[string]route)}
}

// open gives the service a host name. Requests share streams, as they share
// connections to a server.
func (w *web) open(s *service) {
	host := s.Name + "." + s.agent + "." + w.domain
	transport := &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			stream, err := s.open("")
			if err != nil {
				return nil, err
			}
			// Seen from the service: what it sends goes to users.
			return pipe.Counted{Conn: stream, Received: &s.out, Sent: &s.in}, nil
		},
		DisableCompression:  true, // as the service sends it
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     30 * time.Second,
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", s.Name
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		Transport:     transport,
		FlushInterval: -1,
		ErrorLog:      stdlog.New(logWriter{}, "", 0),
		ErrorHandler: func(rw http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil { // the user is still there
				log.Warnf("service %s of %s: %s", s.Name, s.agent, err)
			}
			http.Error(rw, "the service cannot be reached", http.StatusBadGateway)
		},
	}
	s.public = "http://" + host
	if w.port != 80 {
		s.public += ":" + strconv.Itoa(w.port)
	}
	s.close = func() {
		w.mu.Lock()
		if w.routes[host].service == s {
			delete(w.routes, host)
		}
		w.mu.Unlock()
		transport.CloseIdleConnections()
	}
	w.mu.Lock()
	w.routes[host] = route{s, proxy}
	w.mu.Unlock()
}

// ServeHTTP hands the request to the service that it is for.
func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	w.mu.Lock()
	to, found := w.routes[host]
	w.mu.Unlock()
	switch {
	case !found:
		http.Error(rw, "no service is offered under this host name", http.StatusNotFound)
	case !to.service.allows(r.RemoteAddr):
		log.Infof("service %s of %s: %s may not use it", to.service.Name, to.service.agent, r.RemoteAddr)
		http.Error(rw, "this service may not be used from this address", http.StatusForbidden)
	default:
		defer to.service.begin()()
		to.proxy.ServeHTTP(rw, r)
	}
}

// logWriter has what the proxy logs go where all logs do.
type logWriter struct{}

func (logWriter) Write(p []byte) (int, error) {
	log.Debug(strings.TrimSpace(string(p)))
	return len(p), nil
}
