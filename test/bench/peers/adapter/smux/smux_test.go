package smux

import (
	"testing"

	"github.com/singchia/geminio/test/bench/peers/adapter/adaptertest"
)

func TestPeers(t *testing.T) {
	for _, p := range Peers() {
		t.Run(p.Name, func(t *testing.T) { adaptertest.Test(t, p) })
	}
}
