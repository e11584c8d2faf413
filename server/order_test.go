package server

import (
	"context"
	"testing"

	"github.com/golang/mock/gomock"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/test/mocks"
)

// TestDelegateIsCalledInItsOrder runs the whole life of a connection against
// mocks of both delegates that take each call once, in its place.
func TestDelegateIsCalledInItsOrder(t *testing.T) {
	ctrl := gomock.NewController(t)
	serving, calling := mocks.NewMockServerDelegate(ctrl), mocks.NewMockClientDelegate(ctrl)
	offline := make(chan struct{}, 2)
	gone := func(delegate.ConnDescriber) error {
		offline <- struct{}{}
		return nil
	}
	anything := gomock.Any()
	gomock.InOrder(
		serving.EXPECT().GetClientID(uint64(7), []byte("meta")).Return(uint64(42), nil),
		serving.EXPECT().ConnOnline(anything).Return(nil),
		serving.EXPECT().RemoteRegistration("echo", uint64(42), uint64(1)),
		serving.EXPECT().DialogueOnline(anything).Return(nil),
		serving.EXPECT().DialogueOffline(anything).Return(nil),
		serving.EXPECT().ConnOffline(anything).DoAndReturn(gone),
	)
	gomock.InOrder(
		calling.EXPECT().ConnOnline(anything).Return(nil),
		calling.EXPECT().DialogueOnline(anything).Return(nil),
		calling.EXPECT().DialogueOffline(anything).Return(nil),
		calling.EXPECT().ConnOffline(anything).DoAndReturn(gone),
	)

	serverOptions := NewEndOptions()
	serverOptions.SetDelegate(serving)
	ln, err := Listen("tcp", "127.0.0.1:0", serverOptions)
	require.NoError(t, err)
	defer ln.Close()

	clientOptions := client.NewEndOptions()
	clientOptions.SetDelegate(calling)
	clientOptions.SetClientID(7)
	clientOptions.SetMeta([]byte("meta"))
	end, err := client.NewEnd("tcp", ln.Addr().String(), clientOptions)
	require.NoError(t, err)
	require.NoError(t, end.Register(context.Background(), "echo", func(_ context.Context, req geminio.Request, rsp geminio.Response) {}))
	_, err = end.OpenStream()
	require.NoError(t, err)
	require.NoError(t, end.Close())
	<-offline
	<-offline
}
