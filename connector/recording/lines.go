package recording

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxLine is the length of the longest line that can be a batch of spans.
const maxLine = 512 << 20

// lines are the lines of one file, which may be compressed by gzip. Its content decides, not its
// name.
type lines struct {
	name string
	file io.Closer
	in   *bufio.Reader
	raw  *counted // the bytes of the file as they are
	size int64    // of the file; 0 if that is not known
	next int      // the number of the next line
	most int      // the length of the longest line
	// isFramed says that the file has no lines but messages, with the length of each in four bytes
	// before it, as the file exporter writes protobuf, and whatever it compresses.
	isFramed bool
}

// openLines opens a file. "-" is stdin.
func openLines(name string, stdin io.Reader) (*lines, error) {
	l := &lines{name: name, next: 1, most: maxLine, raw: &counted{in: stdin}, file: io.NopCloser(nil)}
	if name == stdinName {
		l.name = "standard input"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err == nil && info.IsDir() {
			err = fmt.Errorf("%s: is a directory", name)
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		l.file, l.raw.in = f, f
		if info.Mode().IsRegular() {
			l.size = info.Size()
		}
	}
	l.in = bufio.NewReaderSize(l.raw, 1<<18)
	magic, _ := l.in.Peek(4) // an error is returned again with the first line
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		unzipped, err := gzip.NewReader(l.in)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", l.name, err), l.close())
		}
		l.in = bufio.NewReaderSize(unzipped, 1<<18)
	case bytes.Equal(magic, zstdMagic):
		return nil, errors.Join(fmt.Errorf("%s: is compressed by zstd, which is not supported: unpack it first", l.name), l.close())
	}
	first, _ := l.in.Peek(1)
	l.isFramed = len(first) > 0 && first[0] <= maxLine>>24 && len(bytes.TrimSpace(first)) > 0
	return l, nil
}

// stdinName stands for standard input.
const stdinName = "-"

func (l *lines) close() error { return l.file.Close() }

// read returns the next line that is not empty, without its end, and its number. After the last
// one it returns io.EOF. After errLongLine there may be more lines, after any other error there
// are none.
func (l *lines) read() (line []byte, number int, err error) {
	if l.isFramed {
		l.next++
		line, err = l.readFrame()
		return line, l.next - 1, err
	}
	for {
		line, err = l.readOne()
		number = l.next
		l.next++
		if errors.Is(err, io.EOF) && len(line) > 0 {
			err = nil // the last line may lack its end
		}
		line = bytes.TrimSpace(line)
		if err != nil || len(line) > 0 {
			return line, number, err
		}
	}
}

// readFrame returns the next message. The caller owns it. Memory is taken as the bytes come, not
// as the length says.
func (l *lines) readFrame() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(l.in, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errCutOff
		}
		return nil, err
	}
	length := binary.BigEndian.Uint32(head[:])
	if int64(length) > int64(l.most) {
		return nil, fmt.Errorf("is a message of %d bytes, or no recording at all", length)
	}
	var message bytes.Buffer
	if _, err := io.CopyN(&message, l.in, int64(length)); err != nil {
		if errors.Is(err, io.EOF) {
			err = errCutOff
		}
		return nil, err
	}
	return message.Bytes(), nil
}

var errCutOff = errors.New("the message is cut off")

var errLongLine = fmt.Errorf("is longer than %d MiB", maxLine>>20)

// readOne returns the next line. The caller owns it.
func (l *lines) readOne() ([]byte, error) {
	var line []byte
	isLong := false
	for {
		part, err := l.in.ReadSlice('\n')
		if isLong = isLong || len(line)+len(part) > l.most; isLong {
			line = nil
		} else {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case isLong && (err == nil || errors.Is(err, io.EOF)):
			return nil, errLongLine
		default:
			return line, err
		}
	}
}

// counted counts the bytes that were read.
type counted struct {
	in io.Reader
	n  int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}
