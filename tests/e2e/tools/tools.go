//go:build tools

package tools

import (
	_ "github.com/bojand/ghz/cmd/ghz"
	_ "github.com/fullstorydev/grpcui/cmd/grpcui"
	_ "github.com/fullstorydev/grpcurl/cmd/grpcurl"
	_ "github.com/ktr0731/evans"
)
