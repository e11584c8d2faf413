package client_test

import (
	"context"
	"fmt"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/server"
)

func ExampleNewEnd() {
	// A server whose clients may call "greet".
	so := server.NewEndOptions()
	so.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "greet",
		RPC: func(_ context.Context, req geminio.Request, rsp geminio.Response) {
			rsp.SetData([]byte("hello, " + string(req.Data())))
		}})
	listener, err := server.Listen("tcp", "127.0.0.1:0", so)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()

	co := client.NewEndOptions()
	co.SetWaitRemoteRPCs("greet")
	end, err := client.NewEnd("tcp", listener.Addr().String(), co)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end.Close()

	rsp, err := end.Call(context.Background(), "greet", end.NewRequest([]byte("world")))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(rsp.Data()))
	// Output: hello, world
}
