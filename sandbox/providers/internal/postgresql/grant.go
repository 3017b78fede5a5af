package postgresql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"fleet.local/sandbox/providers/internal/standin"

	"github.com/jackc/pgx/v5"
)

var grant = standin.Resource[*server]{
	Defaults: standin.Values{"with_grant_option": false},
	Replace:  []string{"role", "database", "schema", "object_type", "objects", "columns", "with_grant_option"},
	Refuse:   []string{"objects", "columns"},
	Validate: validateGrant,
	Create:   setGrant,
	Read:     readGrant,
	Update:   setGrant,
	Delete:   deleteGrant,
}

// grantKinds are the object types that the stand-in grants on: its privileges, where its access list is, and which
// attribute names it.
var grantKinds = map[string]struct {
	privileges []string
	query      string
	attribute  string
}{
	"database": {[]string{"CONNECT", "CREATE", "TEMPORARY"}, "SELECT datacl FROM pg_database WHERE datname = $1", "database"},
	"schema":   {[]string{"CREATE", "USAGE"}, "SELECT nspacl FROM pg_namespace WHERE nspname = $1", "schema"},
}

const (
	allPrivileges = "ALL"
	public        = "public"
)

func validateGrant(config standin.Values) error {
	objectType, known := config["object_type"].(string)
	if !known {
		return nil
	}
	kind, built := grantKinds[objectType]
	if !built {
		return fmt.Errorf("the stand-in grants on databases and schemas only, not on %q; the official provider does", objectType)
	}
	if objectType == "schema" && config["schema"] == nil {
		return fmt.Errorf("parameter 'schema' is mandatory for postgresql_grant resource")
	}
	for _, privilege := range standin.Strings(config, "privileges") {
		if privilege != allPrivileges && !slices.Contains(kind.privileges, privilege) {
			return fmt.Errorf("%s is not an allowed privilege for object type %s", privilege, objectType)
		}
	}
	return nil
}

// on gives the object as GRANT and REVOKE name it.
func on(values standin.Values) string {
	objectType := standin.Get[string](values, "object_type")
	return strings.ToUpper(objectType) + " " + quote(standin.Get[string](values, grantKinds[objectType].attribute))
}

func grantee(values standin.Values) string {
	if role := standin.Get[string](values, "role"); role != public {
		return quote(role)
	}
	return "PUBLIC"
}

// setGrant takes everything away and gives what is planned, in one transaction.
func setGrant(ctx context.Context, s *server, change standin.Change) (standin.Values, error) {
	statements := []string{fmt.Sprintf("REVOKE ALL PRIVILEGES ON %s FROM %s", on(change.Planned), grantee(change.Planned))}
	if privileges := standin.Strings(change.Planned, "privileges"); len(privileges) > 0 {
		give := fmt.Sprintf("GRANT %s ON %s TO %s", strings.Join(privileges, ", "), on(change.Planned), grantee(change.Planned))
		if standin.Get[bool](change.Planned, "with_grant_option") {
			give += " WITH GRANT OPTION"
		}
		statements = append(statements, give)
	}
	return standin.Values{"id": grantID(change.Planned)}, s.granting(ctx, change.Planned, statements...)
}

func grantID(values standin.Values) string {
	parts := []string{standin.Get[string](values, "role"), standin.Get[string](values, "database")}
	if standin.Get[string](values, "object_type") != "database" {
		parts = append(parts, standin.Get[string](values, "schema"))
	}
	return strings.Join(append(parts, standin.Get[string](values, "object_type")), "_")
}

func deleteGrant(ctx context.Context, s *server, state standin.Values) error {
	return s.granting(ctx, state, fmt.Sprintf("REVOKE ALL PRIVILEGES ON %s FROM %s", on(state), grantee(state)))
}

func (s *server) granting(ctx context.Context, values standin.Values, statements ...string) error {
	database := standin.Get[string](values, "database")
	return s.transaction(ctx, database, func(tx pgx.Tx) error {
		owners, err := schemaOwners(ctx, tx, values)
		if err != nil {
			return err
		}
		return memberOf(ctx, tx, owners, func() error {
			return exec(ctx, tx, fmt.Sprintf("could not grant on %s in database %s", on(values), database), statements...)
		})
	})
}

// schemaOwners gives who may grant on a schema; pg_database_owner stands for the owner of the database.
func schemaOwners(ctx context.Context, tx pgx.Tx, values standin.Values) ([]string, error) {
	if standin.Get[string](values, "object_type") != "schema" {
		return nil, nil
	}
	var owner string
	query := `SELECT CASE pg_get_userbyid(nspowner) WHEN 'pg_database_owner' THEN pg_get_userbyid(datdba) ELSE pg_get_userbyid(nspowner) END
		FROM pg_namespace, pg_database WHERE nspname = $1 AND datname = current_database()`
	name := standin.Get[string](values, "schema")
	if err := tx.QueryRow(ctx, query, name).Scan(&owner); err != nil {
		return nil, fmt.Errorf("could not find schema %q while looking for its owner: %w", name, err)
	}
	return []string{owner}, nil
}

// readGrant gives nil where the database, the role or the schema is gone.
func readGrant(ctx context.Context, s *server, state standin.Values) (standin.Values, error) {
	database, role := standin.Get[string](state, "database"), standin.Get[string](state, "role")
	if there, err := s.hasDatabase(ctx, database); err != nil || !there {
		return nil, err
	}
	kind := grantKinds[standin.Get[string](state, "object_type")]
	query := `SELECT ARRAY(SELECT privilege_type FROM aclexplode(list) WHERE grantee = COALESCE((SELECT oid FROM pg_roles WHERE rolname = $2), 0)),
		$2 = 'public' OR EXISTS (SELECT FROM pg_roles WHERE rolname = $2)
		FROM (` + kind.query + `) AS object(list)`
	where := database
	if kind.attribute == "database" { // every database's access list can be read from any
		where = ""
	}
	var granted []string
	var exists, hasRole bool
	err := s.session(ctx, where, func(conn *pgx.Conn) error {
		var err error
		exists, err = found(conn.QueryRow(ctx, query, standin.Get[string](state, kind.attribute), role), &granted, &hasRole)
		return err
	})
	if err != nil || !exists || !hasRole {
		return nil, err
	}
	values := standin.Values{"id": grantID(state), "privileges": standin.SetOf(granted)}
	all := slices.Equal(slices.Sorted(slices.Values(granted)), kind.privileges)
	if all && slices.Contains(standin.Strings(state, "privileges"), allPrivileges) {
		delete(values, "privileges")
	}
	return values, nil
}
