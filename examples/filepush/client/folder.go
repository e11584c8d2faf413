package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/singchia/geminio/examples/filepush/internal/push"
)

// folder is the directory that files are put in. A file that is not whole has
// a name with a dot in front: what has its own name is whole. Names must have
// passed push.CheckName.
type folder struct {
	dir  string
	root *os.Root // follows no link out of the directory
	self *os.File // the directory, locked
}

// openFolder makes the directory if it is not there, and locks it: two clients
// would write the same files.
func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	self, err := root.Open(".")
	if err == nil {
		if err = lock(self); err == nil {
			return &folder{dir: dir, root: root, self: self}, nil
		}
		self.Close()
	}
	root.Close()
	return nil, fmt.Errorf("%s: %w", dir, err)
}

func (d *folder) close() {
	d.self.Close()
	d.root.Close()
}

func partial(name string) string { return "." + name + ".part" }

// has says what of the offered file is there. It fails if the file could not
// be put there.
func (d *folder) has(ctx context.Context, offer push.Offer) (push.Has, error) {
	for _, name := range []string{offer.Name, partial(offer.Name)} {
		info, err := d.root.Lstat(name)
		if err == nil && !info.Mode().IsRegular() {
			return push.Has{}, fmt.Errorf("%s is in the way and not a regular file", filepath.Join(d.dir, name))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return push.Has{}, err
		}
	}
	whole, err := d.hasWhole(ctx, offer)
	if whole || err != nil {
		return push.Has{Whole: whole}, err
	}
	f, err := d.root.OpenFile(partial(offer.Name), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return push.Has{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return push.Has{}, err
	}
	has := push.Has{Bytes: min(info.Size(), offer.Size)}
	has.Blocks, err = push.Blocks(ctx, f, has.Bytes, offer.Block)
	return has, err
}

func (d *folder) hasWhole(ctx context.Context, offer push.Offer) (bool, error) {
	f, err := d.root.Open(offer.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != offer.Size {
		return false, err
	}
	sum, err := push.Hash(ctx, f, offer.Size)
	return err == nil && bytes.Equal(sum, offer.SHA256), err
}

// open opens the part that is there, to write from where the server starts.
func (d *folder) open(start push.Start) (*os.File, error) {
	f, err := d.root.OpenFile(partial(start.Name), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() < start.From {
		err = fmt.Errorf("%s: server starts at byte %d, but %d are there", start.Name, start.From, info.Size())
	}
	if err == nil {
		err = f.Truncate(start.From)
	}
	if err == nil {
		_, err = f.Seek(start.From, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// finish puts a file that is whole on the disk, and gives it its name. If what
// is in it does not have the hash of the offer it stays a part, which the next
// offer is compared with.
func (d *folder) finish(ctx context.Context, f *os.File, offer push.Offer) error {
	sum, err := push.Hash(ctx, f, offer.Size)
	if err != nil {
		return err
	}
	if !bytes.Equal(sum, offer.SHA256) {
		return push.ErrDamaged
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil { // some systems do not rename open files
		return err
	}
	err = os.Rename(filepath.Join(d.dir, partial(offer.Name)), filepath.Join(d.dir, offer.Name))
	if err != nil {
		return err
	}
	return syncDir(d.self)
}
