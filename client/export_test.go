package client

import (
	"github.com/singchia/geminio"
	"github.com/singchia/geminio/conn"
)

// ConnOf returns the connection of the session that end, a RetryEnd, has now.
func ConnOf(end geminio.End) *conn.Conn { return end.(*RetryEnd).current.Load().conn }
