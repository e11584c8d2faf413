package browser

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/examples/traversal/internal/status"
)

// figures are all elements that the script renews, but those of rates.
const figures = `[data-f]:not([data-f=rate])`

func TestThePageShowsItsAgentsWithScriptAsWithout(t *testing.T) {
	b, tun := open(t), aTunnel(t)
	b.run(emulation.SetScriptExecutionDisabled(true), chromedp.Navigate(tun.url()))
	assert.Equal(t, []string{"attic", "office"}, b.text("h2"))
	assert.Equal(t, []string{"http://camera.attic.example.com", "203.0.113.1:2222", "http://wiki.office.example.com"}, b.text("[data-f=public]"))
	assert.Equal(t, []string{"7.30 MiB", "99.0 KiB", "256 MiB"}, b.text("[data-f=out]"))
	const links = `JSON.stringify([...document.querySelectorAll("article a")].map(a => a.getAttribute("href"))) === ` +
		`'["http://camera.attic.example.com",null,"http://wiki.office.example.com"]'`
	assert.True(t, b.is(links), "what a browser can open is a link")
	without := b.text(figures)
	b.picture("without-script")

	b.run(emulation.SetScriptExecutionDisabled(false))
	b.visit(tun.url())
	assert.Equal(t, without, b.text(figures))
	assert.True(t, b.is(links))

	troubles, requests := b.heard()
	assert.Empty(t, troubles)
	for _, request := range requests {
		assert.True(t, strings.HasPrefix(request, tun.url()), request)
	}
}

func TestFiguresChangeLive(t *testing.T) {
	b, tun := open(t), aTunnel(t)
	b.visit(tun.url())
	b.shows("[data-f=rate]", "0 B/s", "0 B/s", "0 B/s", "0 B/s")

	// A user downloads from the wiki: 1 MiB in each second.
	begin, before := time.Now(), int64(256<<20)
	count := func(s *status.Snapshot) {
		wiki := &s.Agents[0].Services[1]
		wiki.BytesOut = before + int64(time.Since(begin).Seconds()*(1<<20))
	}
	live := httptest.NewServer(status.Handler(func() status.Snapshot {
		tun.change(count)
		return tun.snapshot()
	}))
	defer live.Close()
	b.visit(live.URL)
	var rate float64
	b.becomes(`document.querySelectorAll("[data-f=rate]")[3].textContent !== "–"`)
	b.run(chromedp.Evaluate(`history.get(JSON.stringify(["office", "wiki"])).rates.at(-1) / (1 << 20)`, &rate))
	assert.InDelta(t, 1, rate, 0.5, "MiB/s")
	b.becomes(`document.querySelectorAll("[data-f=line]")[2].points.length >= 2`)
	total := b.text("#totals [data-f=rate]")
	require.Len(t, total, 1)
	assert.Contains(t, total[0], "iB/s")
	b.picture("live")
}

func TestAgentsAndServicesComeAndGo(t *testing.T) {
	b, tun := open(t), aTunnel(t)
	b.visit(tun.url())
	b.run(chromedp.Evaluate(`window.notLoadedAgain = true; null`, nil))

	tun.change(func(s *status.Snapshot) {
		s.Agents[0].Services[0].Active, s.Agents[0].Services[0].Total = 4, 10
		s.Agents = append(s.Agents, status.Agent{Name: "boat", Remote: "192.0.2.8:1", Since: time.Now(), Connected: true})
	})
	b.shows("h2", "attic", "boat", "office")
	b.shows("[data-f=active]", "6", "0", "4", "2")
	b.shows("[data-f=total]", "3", "10", "40")
	b.shows("[data-f=connected]", "2")
	assert.True(t, b.is(`!document.querySelectorAll("[data-f=none]")[1].hidden`), "boat offers nothing")

	tun.change(func(s *status.Snapshot) {
		s.Agents = s.Agents[2:]
		s.Agents[0].Services = []status.Service{{Name: "radio", Kind: "http", Public: "http://radio.boat.example.com"}}
	})
	b.shows("h2", "boat")
	assert.True(t, b.is(`document.querySelector("article a").href === "http://radio.boat.example.com/"`))
	tun.change(func(s *status.Snapshot) {
		s.Agents[0].Services = []status.Service{{Name: "radio", Kind: "tcp", Public: "203.0.113.1:9"}}
	})
	b.becomes(`!document.querySelector("article a").hasAttribute("href")`)
	b.shows("article [data-f=public]", "203.0.113.1:9")
	tun.change(func(s *status.Snapshot) { s.Agents = nil })
	b.shows("h2")
	assert.True(t, b.is(`!document.getElementById("none").hidden`), "it says that there is nobody")
	assert.True(t, b.is(`window.notLoadedAgain`))
	troubles, _ := b.heard()
	assert.Empty(t, troubles)
}

func TestALostAgentIsShown(t *testing.T) {
	b, tun := open(t), aTunnel(t)
	b.visit(tun.url())
	assert.Equal(t, []string{"lost", "connected"}, b.text("[data-f=state]"))
	set := func(connected bool) {
		tun.change(func(s *status.Snapshot) { s.Agents[0].Connected, s.Agents[0].Since = connected, time.Now() })
	}
	set(false)
	b.shows("[data-f=state]", "lost", "lost")
	b.shows("#totals [data-f=connected]", "0")
	b.becomes(`document.querySelectorAll("article.lost").length === 2`)
	b.becomes(`/^\d+ s$/.test(document.querySelectorAll("[data-f=since]")[1].textContent)`)
	set(true)
	b.shows("[data-f=state]", "lost", "connected")
	b.becomes(`document.querySelectorAll("article.lost").length === 1`)
}

func TestHostileNamesAreText(t *testing.T) {
	b, tun := open(t), aTunnel(t)
	names := []string{
		`<img src=x onerror="alert(1)">`,
		`</bdi></template><script>alert(2)</script>`,
		`"><svg onload=alert(3)>{{.}}${alert(4)}&lt;`,
		"\u202egnp.exe\u2066 " + strings.Repeat("long", 100),
		"__proto__",
		"javascript:alert(5)",
	}
	hostile := func(s *status.Snapshot) {
		s.Agents = nil
		for _, name := range names {
			s.Agents = append(s.Agents, status.Agent{Name: name, Remote: name, Services: []status.Service{{Name: name, Kind: name, Public: name}}})
		}
	}
	sees := func() {
		for _, figure := range []string{"remote", "public", "kind"} {
			assert.ElementsMatch(t, names, b.text("article [data-f="+figure+"]"), figure)
		}
		assert.ElementsMatch(t, names, b.text("h2"))
		assert.True(t, b.is(`document.querySelectorAll("#agents img, #agents script, #agents [onload], #agents [href]").length === 0`))
		assert.True(t, b.is(`document.documentElement.scrollWidth <= innerWidth`), "nothing sticks out")
		troubles, _ := b.heard()
		assert.Empty(t, troubles)
	}
	// They come while the page is open: the script writes them.
	b.visit(tun.url())
	tun.change(hostile)
	b.becomes(`document.querySelectorAll("h2").length === 6`)
	sees()
	b.run(chromedp.EmulateViewport(360, 740))
	sees()
	b.picture("hostile")
	// They were there before: the server writes them.
	b.run(emulation.SetScriptExecutionDisabled(true), chromedp.Navigate(tun.url()))
	sees()
}

func TestAServerThatIsNotReachableIsShown(t *testing.T) {
	b, tun := open(t), aTunnel(t)
	b.visit(tun.url())
	assert.True(t, b.is(`document.getElementById("away").hidden`))
	before := b.text("[data-f=public]")

	tun.stop()
	b.shows("#state", "not reachable")
	assert.True(t, b.is(`document.getElementById("away").checkVisibility()`))
	assert.Contains(t, b.text("#away")[0], "(no connection)")
	assert.Equal(t, before, b.text("[data-f=public]"), "the last figures stay")
	b.picture("away")

	// Another process, which has counted nothing yet.
	tun.change(func(s *status.Snapshot) {
		s.Started = time.Now()
		s.Agents[0].Services[1] = status.Service{Name: "wiki", Kind: "http", Public: "http://wiki.office.example.com", BytesOut: 5}
	})
	tun.start()
	b.shows("#state", "live")
	assert.True(t, b.is(`document.getElementById("away").hidden && !document.body.matches(".away")`))
	b.shows("[data-f=rate]", "0 B/s", "0 B/s", "0 B/s", "0 B/s")
}

func TestAServerThatAnswersWrongIsShown(t *testing.T) {
	broken := make(chan struct{})
	good := status.Handler(func() status.Snapshot { return status.Snapshot{} })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-broken:
			http.Error(w, "gone", http.StatusBadGateway)
		default:
			good.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	b := open(t)
	b.visit(server.URL)
	close(broken)
	b.shows("#state", "not reachable")
	assert.Contains(t, b.text("#away")[0], "(it answers 502)")
}

func TestItFitsAPhoneAndTheNight(t *testing.T) {
	b, tun := open(t), aTunnel(t)
	b.visit(tun.url())
	scheme := func(name string) chromedp.Action {
		return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}})
	}
	brightness := func() (sum float64) {
		b.run(chromedp.Evaluate(`getComputedStyle(document.body).backgroundColor.match(/\d+/g).reduce((a, x) => a + +x, 0) / 3`, &sum))
		return sum
	}
	b.shows("[data-f=rate]", "0 B/s", "0 B/s", "0 B/s", "0 B/s")
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"desktop", 1200, 800}, {"tablet", 760, 900}, {"phone", 360, 740}} {
		b.run(chromedp.EmulateViewport(size.width, size.height), scheme("light"))
		assert.True(t, b.is(`document.documentElement.scrollWidth <= innerWidth`), "%s: nothing sticks out", size.name)
		assert.Greater(t, brightness(), 200.0, size.name)
		b.picture(size.name)
		b.run(scheme("dark"))
		assert.Less(t, brightness(), 50.0, size.name)
		b.picture(size.name + "-dark")
	}
}
