package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio/examples/chatroom/internal/chat"
)

// history is where messages are kept: in memory, and in a file if there is
// one, a JSON object on each line. It is written, not synced: it outlives the
// process, not the machine.
type history struct {
	keep   int            // how many of each room
	loaded []chat.Message // what was in the file
	file   *os.File       // nil if there is none
	size   int64          // of what is whole in the file
}

// openHistory reads the file and rewrites it with the last messages of each
// room, so that it grows only while the server runs.
func openHistory(name string, keep int) (*history, error) {
	h := &history{keep: keep}
	if name == "" {
		return h, nil
	}
	messages, err := readHistory(name)
	if err != nil {
		return nil, err
	}
	h.loaded = lastOfEach(messages, keep)
	tmp, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return nil, err
	}
	h.file = tmp
	for _, msg := range h.loaded {
		if err == nil {
			err = h.add(msg)
		}
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		_ = tmp.Close()
		_ = os.Remove(tmp.Name())
		return nil, err
	}
	return h, nil
}

// readHistory skips what is not a message: a line that was cut off when the
// machine went down, say.
func readHistory(name string) ([]chat.Message, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var messages []chat.Message
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var msg chat.Message
		if err := json.Unmarshal(lines.Bytes(), &msg); err != nil || msg.ID == "" || msg.Room == "" {
			log.Warnf("history: line %d of %s is no message: skipped", n, name)
			continue
		}
		messages = append(messages, msg)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return messages, nil
}

// lastOfEach returns the last n messages of each room.
func lastOfEach(messages []chat.Message, n int) []chat.Message {
	later := make(map[string]int)
	for _, msg := range messages {
		later[msg.Room]++
	}
	var last []chat.Message
	for _, msg := range messages {
		if later[msg.Room] <= n {
			last = append(last, msg)
		}
		later[msg.Room]--
	}
	return last
}

// add appends a message.
func (h *history) add(msg chat.Message) error {
	if h.file == nil {
		return nil
	}
	n, err := h.file.WriteAt(append(chat.Encode(msg), '\n'), h.size)
	if err != nil {
		// A part of it must not be in the way of the next one.
		return errors.Join(err, h.file.Truncate(h.size))
	}
	h.size += int64(n)
	return nil
}

func (h *history) close() {
	if h.file != nil {
		_ = h.file.Close()
	}
}
