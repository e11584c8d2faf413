package chat

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheLastIDsAreRemembered(t *testing.T) {
	s := NewSeen(2)
	assert.True(t, s.Add("a"))
	assert.True(t, s.Add("b"))
	assert.False(t, s.Add("a"))
	assert.True(t, s.Add("c")) // a is forgotten, b is not
	assert.False(t, s.Has("a"))
	assert.True(t, s.Has("b"))
	assert.True(t, s.Has("c"))
}
