package status_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/net/html"

	"github.com/singchia/geminio/examples/traversal/internal/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hostile is a name that would be markup, or end a string of script, were it
// not escaped.
const hostile = `<img src=x onerror="alert('1')"></script>{{.}}&amp;`

// aSnapshot has one agent of each kind, in no order.
func aSnapshot() status.Snapshot {
	now := time.Now()
	return status.Snapshot{Started: now.Add(-26 * time.Hour), Agents: []status.Agent{
		{Name: "office", Remote: "192.0.2.7:41234", Since: now.Add(-3 * time.Hour), Connected: true, Services: []status.Service{
			{Name: "wiki", Kind: "http", Public: "0.0.0.0:8080/office/wiki", Active: 2, Total: 40, BytesIn: 1536, BytesOut: 256 << 20},
			{Name: "ssh", Kind: "tcp", Public: "0.0.0.0:2222", Active: 1, Total: 7},
		}},
		{Name: "attic", Remote: "198.51.100.9:5000", Since: now.Add(-61 * time.Second)},
		{Name: hostile, Remote: hostile, Services: []status.Service{{Name: hostile, Kind: hostile, Public: hostile}}},
	}}
}

func serve(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, server *httptest.Server, path string) (*http.Response, string) {
	t.Helper()
	rsp, err := server.Client().Get(server.URL + path)
	require.NoError(t, err)
	defer rsp.Body.Close()
	body, err := io.ReadAll(rsp.Body)
	require.NoError(t, err)
	return rsp, string(body)
}

// figures returns the texts of the elements that are named for a figure, those
// of templates apart.
func figures(t *testing.T, page, name string) (texts []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	var text func(*html.Node) string
	text = func(n *html.Node) (s string) {
		if n.Type == html.TextNode {
			return n.Data
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			s += text(c)
		}
		return s
	}
	for n := range root.Descendants() {
		inTemplate := false
		for a := range n.Ancestors() {
			inTemplate = inTemplate || a.Data == "template"
		}
		for _, attr := range n.Attr {
			if attr.Key == "data-f" && attr.Val == name && !inTemplate {
				texts = append(texts, text(n))
			}
		}
	}
	return texts
}

func TestThePageHasTheFiguresOfTheMomentWithoutScript(t *testing.T) {
	rsp, page := get(t, serve(t, status.Handler(aSnapshot)), "/")
	assert.Equal(t, http.StatusOK, rsp.StatusCode)
	assert.Equal(t, "text/html; charset=utf-8", rsp.Header.Get("Content-Type"))
	assert.Equal(t, "no-store", rsp.Header.Get("Cache-Control"))
	for name, want := range map[string][]string{
		"connected": {"1"}, "agents": {"3"}, "services": {"3"}, "up": {"1 d 2 h"}, "bytes": {"256 MiB"},
		"active": {"3", "0", "1", "2"}, // the sum, then each, ordered by name
		"name":   {hostile, hostile, "attic", "office", "ssh", "wiki"},
		"kind":   {hostile, "tcp", "http"},
		"public": {hostile, "0.0.0.0:2222", "0.0.0.0:8080/office/wiki"},
		"remote": {hostile, "198.51.100.9:5000", "192.0.2.7:41234"},
		"state":  {"lost", "lost", "connected"},
		"since":  {"–", "1 min 1 s", "3 h 0 min"},
		"total":  {"0", "7", "40"},
		"in":     {"0 B", "0 B", "1.50 KiB"},
		"out":    {"0 B", "0 B", "256 MiB"},
		"rate":   {"–", "–", "–", "–"}, // one needs two moments
	} {
		assert.Equal(t, want, figures(t, page, name), name)
	}
}

func TestAnEmptyTunnelSaysSo(t *testing.T) {
	server := serve(t, status.Handler(func() status.Snapshot { return status.Snapshot{} }))
	_, page := get(t, server, "/")
	assert.Contains(t, page, `id="none">No agent has connected yet.`)
	_, body := get(t, server, "/status.json")
	assert.Contains(t, body, `"agents":[]`)
	_, page = get(t, serve(t, status.Handler(aSnapshot)), "/")
	assert.Contains(t, page, `id="none" hidden>`)
}

func TestJSONHasEverything(t *testing.T) {
	want := aSnapshot()
	rsp, body := get(t, serve(t, status.Handler(func() status.Snapshot { return want })), "/status.json")
	assert.Equal(t, "application/json", rsp.Header.Get("Content-Type"))
	assert.Equal(t, "no-store", rsp.Header.Get("Cache-Control"))
	assert.NotContains(t, body, "<", "of use in a page as it is")

	var got struct {
		Now time.Time
		status.Snapshot
	}
	dec := json.NewDecoder(strings.NewReader(body))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&got))
	assert.WithinDuration(t, time.Now(), got.Now, time.Minute)
	assert.True(t, want.Started.Equal(got.Started))
	require.Len(t, got.Agents, 3)
	assert.NotNil(t, got.Agents[1].Services, "a list, not null")
	office := got.Agents[2]
	assert.True(t, want.Agents[0].Since.Equal(office.Since))
	assert.Equal(t, want.Agents[0].Services[0], office.Services[1])
	assert.Equal(t, "office", want.Agents[0].Name, "the snapshot is not reordered")
	assert.Equal(t, "wiki", want.Agents[0].Services[0].Name)
}

func TestEveryAnswerForbidsWhatIsNotThePages(t *testing.T) {
	server := serve(t, status.Handler(aSnapshot))
	for _, path := range []string{"/", "/status.json", "/style.css", "/live.js", "/icon.svg", "/none"} {
		rsp, _ := get(t, server, path)
		csp := rsp.Header.Get("Content-Security-Policy")
		assert.True(t, strings.HasPrefix(csp, "default-src 'none'; "), path)
		assert.NotContains(t, csp, "unsafe", path)
		assert.Equal(t, "nosniff", rsp.Header.Get("X-Content-Type-Options"), path)
	}
}

func TestThePageUsesItsOwnFilesOnly(t *testing.T) {
	server := serve(t, http.StripPrefix("/below", status.Handler(func() status.Snapshot { return status.Snapshot{} })))
	_, page := get(t, server, "/below/")
	links := regexp.MustCompile(` (?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	require.Len(t, links, 4) // an icon, twice, a style and a script
	for _, link := range links {
		rsp, body := get(t, server, "/below/"+link[1])
		assert.Equal(t, http.StatusOK, rsp.StatusCode, link[1])
		assert.NotContains(t, strings.ReplaceAll(body, "http://www.w3.org/2000/svg", ""), "://", link[1])
	}
	assert.NotContains(t, page, "://")
	assert.NotContains(t, page, " style=")
	assert.NotContains(t, page, " on")
}

func TestFilesOfThePageAreAskedForOnce(t *testing.T) {
	server := serve(t, status.Handler(aSnapshot))
	for path, contentType := range map[string]string{
		"/style.css": "text/css; charset=utf-8", "/live.js": "text/javascript; charset=utf-8", "/icon.svg": "image/svg+xml",
	} {
		rsp, body := get(t, server, path)
		assert.Equal(t, contentType, rsp.Header.Get("Content-Type"))
		assert.NotEmpty(t, body)
		req, err := http.NewRequest(http.MethodGet, server.URL+path, nil)
		require.NoError(t, err)
		req.Header.Set("If-None-Match", rsp.Header.Get("ETag"))
		again, err := server.Client().Do(req)
		require.NoError(t, err)
		again.Body.Close()
		assert.Equal(t, http.StatusNotModified, again.StatusCode, path)
	}
}

func TestNothingElseIsAnswered(t *testing.T) {
	server := serve(t, status.Handler(aSnapshot))
	for _, path := range []string{"/page.html", "/x", "/status.json/", "/handler.go"} {
		rsp, _ := get(t, server, path)
		assert.Equal(t, http.StatusNotFound, rsp.StatusCode, path)
	}
	rsp, err := server.Client().Post(server.URL+"/status.json", "text/plain", nil)
	require.NoError(t, err)
	rsp.Body.Close()
	assert.Equal(t, http.StatusMethodNotAllowed, rsp.StatusCode)
	rsp, err = server.Client().Head(server.URL + "/")
	require.NoError(t, err)
	rsp.Body.Close()
	assert.Equal(t, http.StatusOK, rsp.StatusCode)
}

func TestManyMayAskAtOnce(t *testing.T) {
	shared := aSnapshot()
	server := serve(t, status.Handler(func() status.Snapshot { return shared }))
	var all sync.WaitGroup
	for _, path := range []string{"/", "/status.json", "/", "/status.json", "/", "/status.json"} {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 20 {
				rsp, err := server.Client().Get(server.URL + path)
				if !assert.NoError(t, err) {
					return
				}
				_, _ = io.Copy(io.Discard, rsp.Body)
				rsp.Body.Close()
			}
		}()
	}
	all.Wait()
}
