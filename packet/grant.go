package packet

// GrantLen is the length of the payload of GRANT.
const GrantLen = BodyHeadLen

// A Grant allows all of an announced content.
type Grant BodyHead

// AppendGrant appends the payload of v to dst.
func AppendGrant(dst []byte, v Grant) []byte { return AppendBody(dst, BodyHead(v)) }

// ParseGrant parses the payload of a GRANT.
func ParseGrant(b []byte) (Grant, error) {
	if len(b) != GrantLen {
		return Grant{}, malformed(TypeGrant, "wrong length")
	}
	h, err := parseBodyHead(TypeGrant, b)
	return Grant(h), err
}
