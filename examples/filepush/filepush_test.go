package filepush

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAFileArrivesWhole(t *testing.T) {
	t.Parallel()
	name, data := randomFile(t, 2*mib+1)
	srv, addr := startServer(t, name)
	dir := filepath.Join(t.TempDir(), "made", "by the client")

	c := startClient(t, addr, dir)
	requireReceived(t, c, dir, data)
	assert.Equal(t, []int{0}, c.begun())
	assert.Len(t, c.lines("%"), 10, "a line for each tenth")
	srv.waitFor("client 1: has everything", 1)

	// Once more: nothing is sent.
	c = startClient(t, addr, dir)
	requireReceived(t, c, dir, data)
	assert.Len(t, c.lines("is there already"), 1)
	assert.Empty(t, c.begun())
}

func TestSeveralFilesArriveOneAfterAnother(t *testing.T) {
	t.Parallel()
	src, dir := t.TempDir(), t.TempDir()
	want := map[string][]byte{"empty": {}, "one byte": {1}, "ünï.txt": []byte("text"), "block": random(mib), "big": random(5*mib - 1)}
	var files []string
	for name, data := range want {
		file := filepath.Join(src, name)
		require.NoError(t, os.WriteFile(file, data, 0o644))
		files = append(files, file)
	}
	_, addr := startServer(t, files...)
	c := startClient(t, addr, dir)
	require.Equal(t, 0, c.wait(), c.errors())
	for name, data := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.True(t, string(got) == string(data), name)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, len(want))
}

func TestManyClientsAtOnce(t *testing.T) {
	t.Parallel()
	const clients = 4
	name, data := randomFile(t, 2*mib)
	srv, addr := startServer(t, name)
	var all []*process
	var dirs []string
	for range clients {
		dir := t.TempDir()
		dirs, all = append(dirs, dir), append(all, startClient(t, addr, dir))
	}
	for i, c := range all {
		requireReceived(t, c, dirs[i], data)
	}
	srv.waitFor("has everything", clients)
}

func TestAKilledClientGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	size, kills := 4*mib, 2
	if soak() {
		size, kills = 256*mib, 40
	}
	name, data := randomFile(t, size)
	_, addr := startServer(t, name)
	p := startProxy(t, addr)
	dir, step := t.TempDir(), size/(kills+2)

	passed := 0 // what was on its way to a client that was killed is passed again
	for i := 1; i <= kills; i++ {
		passed += step * 3 / 2
		p.passUpTo(passed)
		c := startClient(t, p.addr(), dir)
		waitForPart(t, dir, i*step)
		c.kill()
	}
	there, err := os.Stat(part(dir))
	require.NoError(t, err)
	p.passAll()
	c := startClient(t, p.addr(), dir)
	requireReceived(t, c, dir, data)
	assert.Equal(t, []int{int(there.Size())}, c.begun())
}

func TestAKilledServerIsGoneOnWith(t *testing.T) {
	t.Parallel()
	size, kills := 4*mib, 1
	if soak() {
		size, kills = 256*mib, 20
	}
	name, data := randomFile(t, size)
	srv, addr := startServer(t, name)
	p := startProxy(t, addr)
	dir, step := t.TempDir(), size/(kills+1)

	passed := step * 3 / 2
	p.passUpTo(passed)
	c := startClient(t, p.addr(), dir)
	for i := 1; i <= kills; i++ {
		waitForPart(t, dir, i*step)
		srv.kill()
		srv, addr = startServer(t, name)
		passed += step * 3 / 2
		p.setTarget(addr)
		p.passUpTo(passed)
	}
	p.passAll()

	requireReceived(t, c, dir, data)
	begun := c.begun()
	require.Len(t, begun, kills+1)
	for i, from := range begun {
		assert.GreaterOrEqual(t, from, i*step)
	}
	assert.Len(t, c.lines("connected to a server that was restarted"), kills)
}

func TestCutConnectionsAreNotNoticed(t *testing.T) {
	t.Parallel()
	size, cuts := 8*mib, 4
	if soak() {
		size, cuts = 256*mib, 40
	}
	name, data := randomFile(t, size)
	srv, addr := startServer(t, name)
	p := startProxy(t, addr)
	p.cutEvery(size/(cuts+1), cuts)
	dir := t.TempDir()

	begin := time.Now()
	c := startClient(t, p.addr(), dir)
	requireReceived(t, c, dir, data)
	assert.Zero(t, p.cutsLeft())
	assert.Equal(t, []int{0}, c.begun(), "one push, from the beginning")
	assert.Empty(t, c.lines("restarted"))
	assert.Len(t, srv.lines("connected from"), 1, "one session")
	t.Logf("%d MiB, %d cuts, in %v", size/mib, cuts, time.Since(begin).Round(time.Millisecond))
}

func TestAFileThatChangedBetweenIsTheNewOne(t *testing.T) {
	t.Parallel()
	const there = 2 * mib
	name, old := randomFile(t, 3*mib)
	_, addr := startServer(t, name)
	for what, c := range map[string]struct {
		change func(data []byte) []byte
		from   int
	}{
		"not at all":    {func(data []byte) []byte { return data }, there},
		"wholly":        {func([]byte) []byte { return random(3 * mib) }, 0},
		"in the second": {func(data []byte) []byte { data[mib+5]++; return data }, mib},
		"longer":        {func(data []byte) []byte { return append(data, data...) }, there},
		"shorter":       {func(data []byte) []byte { return data[:mib+7] }, mib + 7},
		"empty":         {func([]byte) []byte { return nil }, 0},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(part(dir), old[:there], 0o644))
			data := c.change(slices.Clone(old))
			require.NoError(t, os.WriteFile(name, data, 0o644))
			cli := startClient(t, addr, dir)
			requireReceived(t, cli, dir, data)
			assert.Equal(t, []int{c.from}, cli.begun())
		})
	}
}

func TestAFileThatChangesMeanwhileIsOfferedOnceMore(t *testing.T) {
	t.Parallel()
	// In place: a file that is written anew would be pushed as it is at each
	// moment. The change is far beyond what is sent ahead to a client that
	// takes nothing.
	for what, change := range map[string]func(f *os.File) error{
		"changed": func(f *os.File) error { _, err := f.WriteAt([]byte("changed"), 7*mib+5); return err },
		"cut off": func(f *os.File) error { return f.Truncate(7*mib + 3) },
	} {
		t.Run(what, func(t *testing.T) {
			name, _ := randomFile(t, 8*mib)
			srv, addr := startServer(t, name)
			p := startProxy(t, addr)
			dir := t.TempDir()
			p.passUpTo(mib * 3 / 2)
			c := startClient(t, p.addr(), dir)
			waitForPart(t, dir, mib)
			f, err := os.OpenFile(name, os.O_RDWR, 0)
			require.NoError(t, err)
			require.NoError(t, change(f))
			require.NoError(t, f.Close())
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			p.passAll()
			requireReceived(t, c, dir, data)
			assert.NotEmpty(t, srv.lines("once more"))
		})
	}
}

func TestADamagedPartIsSentAgain(t *testing.T) {
	t.Parallel()
	const size = 4 * mib
	name, data := randomFile(t, size)
	_, addr := startServer(t, name)
	damaged := append([]byte(nil), data[:3*mib+11]...)
	damaged[2*mib+1]++
	for what, c := range map[string]struct {
		there []byte
		from  int
	}{
		"one byte":        {damaged, 2 * mib},
		"in the last":     {append(append([]byte(nil), data[:3*mib+10]...), data[3*mib+10]+1), 3 * mib},
		"not damaged":     {data[:3*mib+11], 3*mib + 11},
		"all of it":       {random(size), 0},
		"too long":        {append(append([]byte(nil), data...), "more"...), size},
		"whole, not done": {data, size},
		"nothing":         {nil, 0},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(part(dir), c.there, 0o644))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "data.bin"), []byte("old"), 0o644))
			cli := startClient(t, addr, dir)
			requireReceived(t, cli, dir, data)
			assert.Equal(t, []int{c.from}, cli.begun())
		})
	}
}

// The client does not give up while something comes, however long that takes.
func TestAFileThatCannotBeTakenDoesNotHoldUpTheNext(t *testing.T) {
	t.Parallel()
	name, _ := randomFile(t, 10)
	next, data := filepath.Join(t.TempDir(), "next"), random(mib*3/2)
	require.NoError(t, os.WriteFile(next, data, 0o644))
	srv, addr := startServer(t, "-limit", "0.35", name, next)
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "data.bin"), 0o755))
	c := startClient(t, addr, dir)
	assert.Equal(t, 1, c.wait())
	assert.Contains(t, c.errors(), "not a regular file")
	srv.waitFor("did not get everything", 1)
	got, err := os.ReadFile(filepath.Join(dir, "next"))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(got, data))
}

func TestDiskErrorsAreToldToBothSides(t *testing.T) {
	t.Parallel()
	name, data := randomFile(t, 4*mib)
	srv, addr := startServer(t, name)

	told := 0
	fails := func(c *process, text string) {
		t.Helper()
		assert.Equal(t, 1, c.wait())
		assert.Contains(t, c.errors(), "client: ")
		assert.Contains(t, c.errors(), text)
		told++
		srv.waitFor("did not get everything", told)
		assert.NotEmpty(t, srv.lines(text))
	}
	t.Run("a directory of this name", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, "data.bin"), 0o755))
		fails(startClient(t, addr, dir), "not a regular file")
	})
	t.Run("a link of the part's name", func(t *testing.T) {
		dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
		require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o644))
		require.NoError(t, os.Symlink(victim, part(dir)))
		fails(startClient(t, addr, dir), "not a regular file")
		left, err := os.ReadFile(victim)
		require.NoError(t, err)
		assert.Equal(t, "precious", string(left))
	})
	t.Run("directory not writable", func(t *testing.T) {
		dir := t.TempDir()
		args := []string{program("client"), "-addr", addr, "-dir", dir}
		require.NoError(t, os.Chmod(dir, 0o555))
		if os.Geteuid() == 0 { // to whom nothing is forbidden
			args = append([]string{"setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"}, args...)
			if _, err := exec.LookPath(args[0]); err != nil {
				t.Skip(err)
			}
		}
		fails(start(t, args[0], args[1:]...), "permission denied")
	})
	t.Run("no room", func(t *testing.T) {
		if _, err := os.Stat("/bin/sh"); err != nil {
			t.Skip("no shell")
		}
		// The system refuses to let a file grow beyond 2 MiB.
		dir := t.TempDir()
		script := fmt.Sprintf("trap '' XFSZ; ulimit -f 4096; exec %s -addr %s -dir %s", program("client"), addr, dir)
		fails(start(t, "/bin/sh", "-c", script), "file too large")
		there, err := os.Stat(part(dir))
		require.NoError(t, err)
		assert.Equal(t, int64(2*mib), there.Size())

		c := startClient(t, addr, dir) // with room, it goes on
		requireReceived(t, c, dir, data)
		assert.Equal(t, []int{2 * mib}, c.begun())
	})
	t.Run("no directory", func(t *testing.T) {
		c := startClient(t, addr, name) // is a file
		assert.Equal(t, 1, c.wait())
		assert.Contains(t, c.errors(), "not a directory")
	})
	t.Run("two clients, one directory", func(t *testing.T) {
		p, dir := startProxy(t, addr), t.TempDir()
		p.passUpTo(2 * mib)
		first := startClient(t, p.addr(), dir)
		waitForPart(t, dir, mib)
		second := startClient(t, addr, dir)
		assert.Equal(t, 1, second.wait())
		assert.Contains(t, second.errors(), "another client")
		p.passAll()
		requireReceived(t, first, dir, data)
	})
	t.Run("the server's file is gone", func(t *testing.T) {
		require.NoError(t, os.Remove(name))
		c := startClient(t, addr, t.TempDir())
		assert.Equal(t, 1, c.wait())
		assert.True(t, strings.Contains(c.errors(), "server: "), c.errors())
	})
}
