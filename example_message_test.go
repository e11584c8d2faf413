package geminio_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
)

// Publish returns the verdict of the application on the other side.
func ExampleMessager_Publish() {
	ctx := context.Background()
	c, s := ends()
	defer c.Close()
	defer s.Close()

	go func() {
		for {
			msg, err := s.Receive(ctx)
			if err != nil {
				return // io.EOF: the publisher has closed
			}
			if msg.Topic() == "ads" {
				_ = msg.Error(errors.New("no ads here"))
				continue
			}
			_ = msg.Done()
		}
	}()

	for _, topic := range []string{"news", "ads"} {
		opts := options.NewMessage()
		opts.SetTopic(topic)
		err := c.Publish(ctx, c.NewMessage([]byte("it is raining"), opts))
		var refused *geminio.RemoteError
		fmt.Printf("%s: %v, refused: %t\n", topic, err, errors.As(err, &refused))
	}
	// Output:
	// news: <nil>, refused: false
	// ads: no ads here, refused: true
}

// Many messages are under way at once; each has its outcome.
func ExampleMessager_PublishAsync() {
	ctx := context.Background()
	c, s := ends()
	defer c.Close()
	defer s.Close()

	outcomes := make(chan *geminio.Publish, 3)
	for _, text := range []string{"one", "two", "three"} {
		if _, err := c.PublishAsync(ctx, c.NewMessage([]byte(text)), outcomes); err != nil {
			fmt.Println(err) // then nothing comes to outcomes
			return
		}
	}
	for range 3 {
		msg, err := s.Receive(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("received %s\n", msg.Data()) // in order
		_ = msg.Done()
	}
	for range 3 {
		if outcome := <-outcomes; outcome.Error != nil {
			fmt.Println(outcome.Error)
		}
	}
	fmt.Println("all acknowledged")
	// Output:
	// received one
	// received two
	// received three
	// all acknowledged
}

// After Close of the publisher, Receive returns what has arrived, then io.EOF.
func ExampleMessager_Receive() {
	ctx := context.Background()
	c, s := ends()
	defer s.Close()

	once := options.NewMessage()
	once.SetCnss(options.CnssAtMostOnce) // waits for nobody
	for _, text := range []string{"21 degrees", "22 degrees"} {
		if err := c.Publish(ctx, c.NewMessage([]byte(text), once)); err != nil {
			fmt.Println(err)
		}
	}
	c.Close()

	for {
		msg, err := s.Receive(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(string(msg.Data()))
		_ = msg.Done() // nobody waits for it; a receiver need not know
	}
	// Output:
	// 21 degrees
	// 22 degrees
	// EOF
}
