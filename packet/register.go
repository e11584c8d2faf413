package packet

import "encoding/binary"

const registerFixed = 8 + 1

// RegisterOp tells what a Register does.
type RegisterOp uint8

const (
	RegisterAdd      RegisterOp = 1 // the method is served from now on
	RegisterWithdraw RegisterOp = 2 // it is served no more
)

// A Register says that its sender serves a method on the header's stream, or
// does not any more.
type Register struct {
	ID   uint64     // correlates this exchange
	Op   RegisterOp // whether it is served
	Name []byte     // of the method
}

// AppendRegister appends the payload of a REGISTER to dst. The name must not
// be longer than MaxName.
func AppendRegister(dst []byte, id uint64, op RegisterOp, name string) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, id)
	return append(append(dst, byte(op)), name...)
}

// ParseRegister parses the payload of a REGISTER.
func ParseRegister(b []byte) (Register, error) {
	if len(b) < registerFixed || len(b) > registerFixed+MaxName {
		return Register{}, malformed(TypeRegister, "length out of range")
	}
	r := Register{binary.LittleEndian.Uint64(b), RegisterOp(b[8]), tail(b, registerFixed)}
	if r.Op != RegisterAdd && r.Op != RegisterWithdraw {
		return Register{}, malformed(TypeRegister, "unknown operation")
	}
	return r, nil
}
