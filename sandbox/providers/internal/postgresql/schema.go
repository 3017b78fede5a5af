package postgresql

import (
	"context"
	"fmt"
	"strings"

	"fleet.local/sandbox/providers/internal/standin"

	"github.com/jackc/pgx/v5"
)

var schema = standin.Resource[*server]{
	Defaults: standin.Values{"if_not_exists": true, "drop_cascade": false},
	Replace:  []string{"database"},
	Refuse:   []string{"policy"},
	Create:   createSchema,
	Read:     readSchema,
	Update:   updateSchema,
	Delete:   deleteSchema,
	Import: func(id string) (standin.Values, error) {
		database, name, hasDot := strings.Cut(id, ".")
		if !hasDot || strings.Contains(name, ".") {
			return nil, fmt.Errorf("schema ID %s has not the expected format 'database.schema'", id)
		}
		return standin.Values{"id": id, "database": database, "name": name}, nil
	},
}

// databaseOf gives the database of a schema: its own, or the one that the provider is configured with.
func (s *server) databaseOf(values standin.Values) string {
	if name := standin.Get[string](values, "database"); name != "" {
		return name
	}
	return s.config.Database
}

func createSchema(ctx context.Context, s *server, change standin.Change) (standin.Values, error) {
	name, owner, database := standin.Get[string](change.Planned, "name"), standin.Get[string](change.Planned, "owner"), s.databaseOf(change.Planned)
	err := s.transaction(ctx, database, func(tx pgx.Tx) error {
		var databaseOwner string
		var exists bool
		query := `SELECT pg_get_userbyid(datdba), (SELECT count(*) > 0 FROM pg_namespace WHERE nspname = $1)
			FROM pg_database WHERE datname = current_database()`
		if err := tx.QueryRow(ctx, query, name).Scan(&databaseOwner, &exists); err != nil {
			return err
		}
		return memberOf(ctx, tx, []string{databaseOwner, owner}, func() error {
			return exec(ctx, tx, "error creating schema "+name, schemaStatement(name, owner, exists, change))
		})
	})
	return standin.Values{"id": database + "." + name, "database": database}, err
}

// schemaStatement takes an existing schema over rather than fail, as the official provider does.
func schemaStatement(name, owner string, exists bool, change standin.Change) string {
	if exists && owner != "" {
		return fmt.Sprintf("ALTER SCHEMA %s OWNER TO %s", quote(name), quote(owner))
	}
	statement := "CREATE SCHEMA "
	if standin.Get[bool](change.Planned, "if_not_exists") {
		statement += "IF NOT EXISTS "
	}
	statement += quote(name)
	if owner != "" {
		statement += " AUTHORIZATION " + quote(owner)
	}
	return statement
}

func readSchema(ctx context.Context, s *server, state standin.Values) (standin.Values, error) {
	database, name := s.databaseOf(state), standin.Get[string](state, "name")
	if there, err := s.hasDatabase(ctx, database); err != nil || !there {
		return nil, err
	}
	var owner string
	var exists bool
	err := s.session(ctx, database, func(conn *pgx.Conn) error {
		var err error
		exists, err = found(conn.QueryRow(ctx, "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = $1", name), &owner)
		return err
	})
	if err != nil || !exists {
		return nil, err
	}
	return standin.Values{"id": database + "." + name, "name": name, "database": database, "owner": owner}, nil
}

func (s *server) hasDatabase(ctx context.Context, name string) (exists bool, err error) {
	err = s.session(ctx, "", func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT count(*) > 0 FROM pg_database WHERE datname = $1", name).Scan(&exists)
	})
	return exists, err
}

func updateSchema(ctx context.Context, s *server, change standin.Change) (standin.Values, error) {
	before, name := standin.Get[string](change.Prior, "name"), standin.Get[string](change.Planned, "name")
	ownerBefore, owner := standin.Get[string](change.Prior, "owner"), standin.Get[string](change.Planned, "owner")
	statements := []string{}
	if before != name {
		statements = append(statements, fmt.Sprintf("ALTER SCHEMA %s RENAME TO %s", quote(before), quote(name)))
	}
	if ownerBefore != owner {
		statements = append(statements, fmt.Sprintf("ALTER SCHEMA %s OWNER TO %s", quote(name), quote(owner)))
	}
	database := s.databaseOf(change.Planned)
	err := s.transaction(ctx, database, func(tx pgx.Tx) error {
		return memberOf(ctx, tx, []string{ownerBefore, owner}, func() error {
			return exec(ctx, tx, "error updating schema "+name, statements...)
		})
	})
	return standin.Values{"id": database + "." + name}, err
}

func deleteSchema(ctx context.Context, s *server, state standin.Values) error {
	name := standin.Get[string](state, "name")
	mode := map[bool]string{true: "CASCADE", false: "RESTRICT"}[standin.Get[bool](state, "drop_cascade")]
	return s.transaction(ctx, s.databaseOf(state), func(tx pgx.Tx) error {
		return memberOf(ctx, tx, []string{standin.Get[string](state, "owner")}, func() error {
			return exec(ctx, tx, "error deleting schema "+name, fmt.Sprintf("DROP SCHEMA IF EXISTS %s %s", quote(name), mode))
		})
	})
}
