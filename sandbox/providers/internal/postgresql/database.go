package postgresql

import (
	"context"
	"fmt"
	"strings"

	"fleet.local/sandbox/providers/internal/standin"

	"github.com/jackc/pgx/v5"
)

var database = standin.Resource[*server]{
	Defaults: standin.Values{"connection_limit": int64(-1), "allow_connections": true, "alter_object_ownership": false},
	Replace:  []string{"template", "encoding", "lc_collate", "lc_ctype"},
	Refuse:   []string{"alter_object_ownership"},
	Create:   createDatabase,
	Read:     readDatabase,
	Update:   updateDatabase,
	Delete:   deleteDatabase,
	Import:   standin.ImportByID,
}

// databaseOptions are those of CREATE DATABASE that take a name or a text; DEFAULT is the server's own word.
var databaseOptions = []struct {
	attribute, option, fallback string
	quoted                      func(string) string
}{
	{"owner", "OWNER", "", quote},
	{"template", "TEMPLATE", "template0", quote},
	{"encoding", "ENCODING", "UTF8", literal},
	{"lc_collate", "LC_COLLATE", "", literal},
	{"lc_ctype", "LC_CTYPE", "", literal},
	{"tablespace_name", "TABLESPACE", "", quote},
}

func createDatabase(ctx context.Context, s *server, change standin.Change) (standin.Values, error) {
	name, owner := standin.Get[string](change.Planned, "name"), standin.Get[string](change.Planned, "owner")
	words := []string{"CREATE DATABASE " + quote(name)}
	for _, option := range databaseOptions {
		value := standin.Get[string](change.Planned, option.attribute)
		if value == "" {
			value = option.fallback
		}
		switch {
		case strings.EqualFold(value, "DEFAULT"):
			words = append(words, option.option+" DEFAULT")
		case value != "":
			words = append(words, option.option+" "+option.quoted(value))
		}
	}
	words = append(words, fmt.Sprintf("ALLOW_CONNECTIONS %t CONNECTION LIMIT %d IS_TEMPLATE %t",
		standin.Get[bool](change.Planned, "allow_connections"), standin.Get[int64](change.Planned, "connection_limit"),
		standin.Get[bool](change.Planned, "is_template")))
	err := s.asOwner(ctx, owner, "error creating database "+name, strings.Join(words, " "))
	return standin.Values{"id": name}, err
}

// asOwner runs statements that no transaction can hold.
func (s *server) asOwner(ctx context.Context, owner, what string, statements ...string) error {
	return s.session(ctx, "", func(conn *pgx.Conn) error {
		return memberOf(ctx, conn, []string{owner}, func() error { return exec(ctx, conn, what, statements...) })
	})
}

func readDatabase(ctx context.Context, s *server, state standin.Values) (standin.Values, error) {
	var name, owner, encoding, collate, ctype, tablespace string
	var limit int64
	var connections, template, exists bool
	query := `SELECT datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, spcname,
		datconnlimit, datallowconn, datistemplate
		FROM pg_database JOIN pg_tablespace ON pg_tablespace.oid = dattablespace WHERE datname = $1`
	err := s.session(ctx, "", func(conn *pgx.Conn) error {
		var err error
		exists, err = found(conn.QueryRow(ctx, query, standin.Get[string](state, "id")),
			&name, &owner, &encoding, &collate, &ctype, &tablespace, &limit, &connections, &template)
		return err
	})
	if err != nil || !exists {
		return nil, err
	}
	values := standin.Values{
		"id": name, "name": name, "owner": owner, "encoding": encoding, "lc_collate": collate, "lc_ctype": ctype,
		"tablespace_name": tablespace, "connection_limit": limit, "allow_connections": connections, "is_template": template,
	}
	if standin.Get[string](state, "template") == "" { // PostgreSQL does not remember it
		values["template"] = "template0"
	}
	return values, nil
}

func updateDatabase(ctx context.Context, s *server, change standin.Change) (standin.Values, error) {
	before, name := standin.Get[string](change.Prior, "name"), standin.Get[string](change.Planned, "name")
	statements := []string{}
	if before != name {
		statements = append(statements, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", quote(before), quote(name)))
	}
	alter := func(attribute, clause string) {
		if change.Changed(attribute) {
			statements = append(statements, "ALTER DATABASE "+quote(name)+" "+clause)
		}
	}
	owner := standin.Get[string](change.Planned, "owner")
	alter("owner", "OWNER TO "+quote(owner))
	alter("tablespace_name", "SET TABLESPACE "+quote(standin.Get[string](change.Planned, "tablespace_name")))
	alter("connection_limit", fmt.Sprintf("CONNECTION LIMIT %d", standin.Get[int64](change.Planned, "connection_limit")))
	alter("allow_connections", fmt.Sprintf("ALLOW_CONNECTIONS %t", standin.Get[bool](change.Planned, "allow_connections")))
	alter("is_template", fmt.Sprintf("IS_TEMPLATE %t", standin.Get[bool](change.Planned, "is_template")))
	return standin.Values{"id": name}, s.asOwner(ctx, owner, "error updating database "+name, statements...)
}

func deleteDatabase(ctx context.Context, s *server, state standin.Values) error {
	name := standin.Get[string](state, "name")
	statements := []string{}
	if standin.Get[bool](state, "is_template") {
		statements = append(statements, fmt.Sprintf("ALTER DATABASE %s IS_TEMPLATE false", quote(name)))
	}
	statements = append(statements, fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", quote(name)))
	return s.asOwner(ctx, standin.Get[string](state, "owner"), "error dropping database "+name, statements...)
}
