package multiplexer

import (
	"fmt"
	"net"
	"testing"
)

func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 128 << 10} {
		run := func(b *testing.B, w, r net.Conn) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			done := make(chan struct{})
			total := size * b.N
			go func() {
				defer close(done)
				buf := make([]byte, 128<<10)
				for n := 0; n < total; {
					k, err := r.Read(buf)
					if err != nil {
						b.Error(err)
						return
					}
					n += k
				}
			}()
			p := make([]byte, size)
			b.ResetTimer()
			for range b.N {
				if _, err := w.Write(p); err != nil {
					b.Fatal(err)
				}
			}
			<-done
			b.StopTimer()
		}
		b.Run(fmt.Sprintf("%d/dialogue", size), func(b *testing.B) {
			x, y := tcpPair(b)
			client, server := pair(b, x, y)
			run(b, stream{client.m.Default(), client.c}, stream{server.m.Default(), server.c})
			client.Close()
			server.Close()
		})
		b.Run(fmt.Sprintf("%d/tcp", size), func(b *testing.B) {
			x, y := tcpPair(b)
			run(b, x, y)
			x.Close()
			y.Close()
		})
	}
}
