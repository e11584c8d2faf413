package chat

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCleanTextCannotCommandATerminal(t *testing.T) {
	assert.Equal(t, "[2Jhello there", Clean("\x1b[2Jhello\nthere\r\n"))
	assert.Equal(t, "abc", Clean("a\u202eb\u2066c"))
	assert.Equal(t, "grüß 👩‍👧 你好", Clean(" grüß 👩‍👧 你好 "))
	assert.Empty(t, Clean("\x07\t "))
}

func TestNames(t *testing.T) {
	assert.Equal(t, "lobby", RoomName(" #Lobby"))
	for _, good := range []string{"a", "Zoë_2", "你好", strings.Repeat("x", MaxName)} {
		assert.NoError(t, CheckName("nickname", good), good)
	}
	for _, bad := range []string{"", "a b", "a\x1b", "#a", strings.Repeat("x", MaxName+1)} {
		assert.Error(t, CheckName("nickname", bad), bad)
	}
}
