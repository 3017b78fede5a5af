package postgresql

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"fleet.local/sandbox/providers/internal/standin"

	"github.com/jackc/pgx/v5"
)

var role = standin.Resource[*server]{
	Defaults: standin.Values{
		"encrypted_password": true, "valid_until": "infinity", "connection_limit": int64(-1), "superuser": false,
		"create_database": false, "create_role": false, "inherit": true, "login": false, "replication": false,
		"bypass_row_level_security": false, "skip_drop_role": false, "skip_reassign_owned": false,
	},
	Validate: validateRole,
	Create:   createRole,
	Read:     readRole,
	Update:   updateRole,
	Delete:   deleteRole,
	Import:   standin.ImportByID,
}

// roleFlags are the yes-or-no options: attribute, option, catalog column.
var roleFlags = []struct{ attribute, option, column string }{
	{"superuser", "SUPERUSER", "rolsuper"},
	{"create_database", "CREATEDB", "rolcreatedb"},
	{"create_role", "CREATEROLE", "rolcreaterole"},
	{"inherit", "INHERIT", "rolinherit"},
	{"login", "LOGIN", "rolcanlogin"},
	{"replication", "REPLICATION", "rolreplication"},
	{"bypass_row_level_security", "BYPASSRLS", "rolbypassrls"},
}

// roleSettings are the session settings that a role carries: attribute, setting.
var roleSettings = []struct{ attribute, setting string }{
	{"search_path", "search_path"},
	{"statement_timeout", "statement_timeout"},
	{"idle_in_transaction_session_timeout", "idle_in_transaction_session_timeout"},
	{"assume_role", "role"},
}

func validateRole(config standin.Values) error {
	if err := standin.Apart(config, "password", "password_wo"); err != nil {
		return err
	}
	if limit, known := config["connection_limit"].(int64); known && limit < -1 {
		return fmt.Errorf("expected connection_limit to be at least (-1), got %d", limit)
	}
	return standin.Together(config, "password_wo", "password_wo_version")
}

func createRole(ctx context.Context, s *server, change standin.Change) (standin.Values, error) {
	name := standin.Get[string](change.Planned, "name")
	password, err := passwordOption(change)
	if err != nil {
		return nil, err
	}
	err = s.transaction(ctx, "", func(tx pgx.Tx) error {
		// The password last and in a statement of its own: a refused CREATE ROLE is written to the server's log.
		create := "CREATE ROLE " + quote(name) + " WITH " + strings.Join(roleOptions(change), " ")
		if err := exec(ctx, tx, "error creating role "+name, create); err != nil {
			return err
		}
		return exec(ctx, tx, "error setting up role "+name, roleDetails(name, change, password)...)
	})
	return standin.Values{"id": name}, err
}

func updateRole(ctx context.Context, s *server, change standin.Change) (standin.Values, error) {
	before, name := standin.Get[string](change.Prior, "name"), standin.Get[string](change.Planned, "name")
	password, err := passwordOption(change)
	if err != nil {
		return nil, err
	}
	err = s.transaction(ctx, "", func(tx pgx.Tx) error {
		if before != name {
			rename := fmt.Sprintf("ALTER ROLE %s RENAME TO %s", quote(before), quote(name))
			if err := exec(ctx, tx, "error updating role name", rename); err != nil {
				return err
			}
		}
		if options := roleOptions(change); len(options) > 0 {
			alter := "ALTER ROLE " + quote(name) + " WITH " + strings.Join(options, " ")
			if err := exec(ctx, tx, "error updating role "+name, alter); err != nil {
				return err
			}
		}
		return exec(ctx, tx, "error updating role "+name, roleDetails(name, change, password)...)
	})
	return standin.Values{"id": name}, err
}

// roleOptions gives the options of CREATE or ALTER ROLE that differ from what there was.
func roleOptions(change standin.Change) []string {
	options := []string{}
	for _, flag := range roleFlags {
		if change.Changed(flag.attribute) {
			options = append(options, map[bool]string{true: "", false: "NO"}[standin.Get[bool](change.Planned, flag.attribute)]+flag.option)
		}
	}
	if change.Changed("connection_limit") {
		options = append(options, fmt.Sprintf("CONNECTION LIMIT %d", standin.Get[int64](change.Planned, "connection_limit")))
	}
	if change.Changed("valid_until") {
		options = append(options, "VALID UNTIL "+literal(standin.Get[string](change.Planned, "valid_until")))
	}
	return options
}

// roleDetails gives the statements for what CREATE ROLE has no option for, and for the password.
func roleDetails(name string, change standin.Change, password string) []string {
	statements := []string{}
	if password != "" {
		statements = append(statements, "ALTER ROLE "+quote(name)+" "+password)
	}
	if change.Changed("roles") {
		for _, group := range standin.Strings(change.Prior, "roles") {
			statements = append(statements, fmt.Sprintf("REVOKE %s FROM %s", quote(group), quote(name)))
		}
		for _, group := range standin.Strings(change.Planned, "roles") {
			statements = append(statements, fmt.Sprintf("GRANT %s TO %s", quote(group), quote(name)))
		}
	}
	for _, s := range roleSettings {
		if change.Changed(s.attribute) {
			statements = append(statements, "ALTER ROLE "+quote(name)+" "+settingClause(s.setting, change.Planned[s.attribute]))
		}
	}
	return statements
}

func settingClause(setting string, value any) string {
	if standin.Zero(value) {
		return "RESET " + setting
	}
	if list, isList := value.([]any); isList {
		quoted := make([]string, len(list))
		for i := range list {
			quoted[i] = quote(fmt.Sprint(list[i]))
		}
		return "SET " + setting + " TO " + strings.Join(quoted, ", ")
	}
	return "SET " + setting + " TO " + literal(fmt.Sprint(value))
}

// passwordOption gives the PASSWORD clause, or "" where the password is not to be sent: a write-only one goes when its
// version changes, another when it changes.
func passwordOption(change standin.Change) (string, error) {
	password := ""
	switch {
	case standin.Get[string](change.Config, "password_wo") != "" && change.Changed("password_wo_version"):
		password = standin.Get[string](change.Config, "password_wo")
	case change.Changed("password"):
		password = standin.Get[string](change.Planned, "password")
	}
	if password == "" {
		return "", nil
	}
	if strings.EqualFold(password, "NULL") {
		return "PASSWORD NULL", nil
	}
	secret, err := verifier(password)
	return "PASSWORD " + literal(secret), err
}

func readRole(ctx context.Context, s *server, state standin.Values) (standin.Values, error) {
	var name, validUntil string
	var limit int64
	var roles, config []string
	flags := make([]bool, len(roleFlags))
	columns, targets := []string{}, []any{&name, &limit, &validUntil, &roles, &config}
	for i, flag := range roleFlags {
		columns, targets = append(columns, flag.column), append(targets, &flags[i])
	}
	query := `SELECT rolname, rolconnlimit, COALESCE(rolvaliduntil::text, 'infinity'),
		ARRAY(SELECT pg_get_userbyid(roleid)::text FROM pg_auth_members WHERE member = pg_roles.oid),
		COALESCE(rolconfig, '{}'), ` + strings.Join(columns, ", ") + ` FROM pg_roles WHERE rolname = $1`
	exists := false
	err := s.session(ctx, "", func(conn *pgx.Conn) error {
		var err error
		exists, err = found(conn.QueryRow(ctx, query, standin.Get[string](state, "id")), targets...)
		return err
	})
	if err != nil || !exists {
		return nil, err
	}
	values := standin.Values{
		"id": name, "name": name, "connection_limit": limit, "valid_until": validUntil,
		"roles": standin.SetOf(roles), "encrypted_password": true,
	}
	for i, flag := range roleFlags {
		values[flag.attribute] = flags[i]
	}
	return values, readSettings(values, config)
}

// readSettings takes rolconfig's entries ("search_path=a, b").
func readSettings(values standin.Values, config []string) error {
	kept := map[string]string{}
	for _, entry := range config {
		setting, value, _ := strings.Cut(entry, "=")
		kept[setting] = value
	}
	values["search_path"] = nil
	if path, set := kept["search_path"]; set {
		names := strings.Split(path, ", ")
		for i := range names {
			names[i] = strings.Trim(names[i], `"`)
		}
		values["search_path"] = standin.ListOf(names)
	}
	values["assume_role"] = kept["role"]
	for _, timeout := range []string{"statement_timeout", "idle_in_transaction_session_timeout"} {
		milliseconds, err := strconv.ParseInt(cmp.Or(kept[timeout], "0"), 10, 64)
		if err != nil {
			return fmt.Errorf("error reading %s: %w", timeout, err)
		}
		values[timeout] = milliseconds
	}
	return nil
}

func deleteRole(ctx context.Context, s *server, state standin.Values) error {
	name := standin.Get[string](state, "name")
	statements := []string{}
	if !standin.Get[bool](state, "skip_reassign_owned") {
		statements = append(statements, fmt.Sprintf("REASSIGN OWNED BY %s TO CURRENT_USER", quote(name)), "DROP OWNED BY "+quote(name))
	}
	if !standin.Get[bool](state, "skip_drop_role") {
		statements = append(statements, "DROP ROLE "+quote(name))
	}
	return s.transaction(ctx, "", func(tx pgx.Tx) error {
		return memberOf(ctx, tx, []string{name}, func() error {
			return exec(ctx, tx, "could not delete role "+name, statements...)
		})
	})
}
