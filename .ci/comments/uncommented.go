package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
)

// uncommented returns a line for each exported identifier of the package in
// dir that has no comment, in the order of the files. Files for other systems
// are looked at too, tests are not. It fails where there is no package.
func uncommented(dir string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	s := search{files: token.NewFileSet()}
	looked := false
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(s.files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		looked = true
		for _, d := range file.Decls {
			s.decl(d)
		}
	}
	if !looked {
		return nil, fmt.Errorf("no Go files in %s", dir)
	}
	return s.bare, nil
}

// A search collects what has no comment.
type search struct {
	files *token.FileSet
	bare  []string
}

// want notes name, unless one of comments says something. Directives do not.
func (s *search) want(name *ast.Ident, owner string, comments ...*ast.CommentGroup) {
	if !name.IsExported() {
		return
	}
	for _, c := range comments {
		if strings.TrimSpace(c.Text()) != "" {
			return
		}
	}
	full := name.Name
	if owner != "" {
		full = owner + "." + full
	}
	s.bare = append(s.bare, fmt.Sprintf("%v: %s", s.files.Position(name.Pos()), full))
}

func (s *search) decl(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		s.function(d)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			s.spec(d, spec)
		}
	}
}

func (s *search) function(d *ast.FuncDecl) {
	if d.Recv == nil {
		s.want(d.Name, "", d.Doc)
		return
	}
	if owner := receiver(d.Recv.List[0].Type); ast.IsExported(owner) {
		s.want(d.Name, owner, d.Doc)
	}
}

// receiver returns the name of the type that has a method.
func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.Ident:
		return t.Name
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.ParenExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	}
	return ""
}

func (s *search) spec(d *ast.GenDecl, spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			s.want(name, "", spec.Doc, spec.Comment, d.Doc)
		}
	case *ast.TypeSpec:
		comments := []*ast.CommentGroup{spec.Doc, spec.Comment}
		if !d.Lparen.IsValid() {
			comments = append(comments, d.Doc)
		}
		s.want(spec.Name, "", comments...)
		if spec.Name.IsExported() {
			s.members(spec.Name.Name, spec.Type)
		}
	}
}

// members looks at the fields of a struct and the methods of an interface.
func (s *search) members(owner string, t ast.Expr) {
	var list *ast.FieldList
	switch t := t.(type) {
	case *ast.StructType:
		list = t.Fields
	case *ast.InterfaceType:
		list = t.Methods
	default:
		return
	}
	for _, field := range list.List {
		for _, name := range field.Names {
			s.want(name, owner, field.Doc, field.Comment)
			if name.IsExported() {
				s.members(owner+"."+name.Name, field.Type)
			}
		}
	}
}
