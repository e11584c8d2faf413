//go:build !original

package floor

import (
	"testing"

	"github.com/singchia/geminio/test/bench/peers/adapter/adaptertest"
)

func TestPeer(t *testing.T) { adaptertest.Test(t, Peer()) }
