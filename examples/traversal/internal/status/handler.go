package status

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"time"
)

//go:embed page.html style.css live.js icon.svg
var files embed.FS

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"bytes":   formatBytes,
	"span":    formatSpan,
	"stamp":   formatStamp,
	"link":    link,
	"at":      func(now time.Time, a Agent) agentAt { return agentAt{a, now} },
	"agent":   func() agentAt { return agentAt{} },
	"service": func() Service { return Service{} },
}).ParseFS(files, "page.html"))

// agentAt is an agent as it is at a moment.
type agentAt struct {
	Agent
	Now time.Time
}

// policy lets the page use its own files and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler returns the page at /, its figures as JSON at /status.json, and the
// files of the page beside them. Under another path it works behind
// [http.StripPrefix], the path ending with a slash.
//
// It calls snapshot once for each answer, from several goroutines at once, and
// keeps and changes nothing of what that returns; snapshot has to return lists
// that nobody changes any more.
func Handler(snapshot func() Snapshot) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		var body bytes.Buffer
		if err := page.Execute(&body, documentOf(snapshot(), time.Now())); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, "text/html; charset=utf-8", body.Bytes())
	})
	mux.HandleFunc("GET /status.json", func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.Marshal(documentOf(snapshot(), time.Now()))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, "application/json", append(body, '\n'))
	})
	mux.Handle("GET /style.css", asset("style.css", "text/css; charset=utf-8"))
	mux.Handle("GET /live.js", asset("live.js", "text/javascript; charset=utf-8"))
	mux.Handle("GET /icon.svg", asset("icon.svg", "image/svg+xml"))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		mux.ServeHTTP(w, r)
	})
}

// answer sends figures of this moment, which nobody may keep.
func answer(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // a browser that has gone needs no answer
}

// asset serves a file of the page; browsers ask whether theirs is still right.
func asset(name, contentType string) http.Handler {
	data, err := files.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded above
	}
	tag := fmt.Sprintf(`"%x"`, sha256.Sum256(data))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", tag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
	})
}
