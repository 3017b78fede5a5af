// Package postgresql does on a PostgreSQL server what the resources of cyrilgdn/postgresql say. It takes typed values
// and gives what the server has; it knows nothing of Terraform's protocol.
package postgresql

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// server opens one connection per operation: an open one would keep a database from being dropped. Those to the database
// that it is configured with are kept for the next operation there.
type server struct {
	config *pgx.ConnConfig
	slots  chan struct{}
	idle   chan *link
}

// link is a connection, and the last warning of a GRANT or REVOKE that did nothing.
type link struct {
	conn      *pgx.Conn
	powerless string
}

// PostgreSQL's catalogs know no waiting for each other: two sessions that change one entry at once collide.
// https://github.com/cyrilgdn/terraform-provider-postgresql/issues/178
const (
	attempts  = 12
	firstWait = 20 * time.Millisecond
)

func collided(err error) bool {
	var fault *pgconn.PgError
	if !errors.As(err, &fault) {
		return false
	}
	switch fault.Code {
	case "40001", "40P01": // serialization failure, deadlock
		return true
	case "XX000":
		return strings.HasPrefix(fault.Message, "tuple concurrently")
	}
	return false
}

// session runs work in a connection to a database ("" is the one that the provider is configured with), again where
// it collided with somebody else's.
func (s *server) session(ctx context.Context, database string, work func(*pgx.Conn) error) error {
	wait := firstWait
	for attempt := 1; ; attempt++ {
		err := s.once(ctx, database, work)
		if !collided(err) || attempt == attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait/2 + rand.N(wait)): //nolint:gosec // jitter, not a secret
		}
		wait = min(2*wait, time.Second)
	}
}

func (s *server) once(ctx context.Context, database string, work func(*pgx.Conn) error) error {
	s.slots <- struct{}{}
	defer func() { <-s.slots }()
	l, err := s.connect(ctx, database)
	if err != nil {
		return fmt.Errorf("error connecting to PostgreSQL server %s: %w", s.config.Host, err)
	}
	defer s.release(ctx, l, database)
	if err := work(l.conn); err != nil || l.powerless == "" {
		return err
	}
	return fmt.Errorf("role %s has no right to do this: %s", s.config.User, l.powerless)
}

func (s *server) connect(ctx context.Context, database string) (*link, error) {
	config, l := s.config.Copy(), &link{}
	if database == "" {
		select {
		case kept := <-s.idle:
			if kept.conn.Ping(ctx) == nil {
				kept.powerless = ""
				return kept, nil
			}
			kept.conn.Close(ctx) //nolint:errcheck // the server ended it
		default:
		}
	} else {
		config.Database = database
	}
	config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
		if slices.Contains(withoutEffect, notice.Code) {
			l.powerless = notice.Message
		}
	}
	var err error
	l.conn, err = pgx.ConnectConfig(ctx, config)
	return l, err
}

func (s *server) release(ctx context.Context, l *link, database string) {
	if database == "" && !l.conn.IsClosed() && l.conn.PgConn().TxStatus() == 'I' {
		select {
		case s.idle <- l:
			return
		default:
		}
	}
	l.conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing is left to lose
}

// withoutEffect are the warnings of a GRANT or REVOKE that did nothing, for want of rights. The official provider takes
// them for success; here, a wall that was not built is an error. privilege_not_granted, privilege_not_revoked:
// https://www.postgresql.org/docs/current/errcodes-appendix.html
var withoutEffect = []string{"01007", "01006"}

// transaction is session with all of the work done or none of it.
func (s *server) transaction(ctx context.Context, database string, work func(pgx.Tx) error) error {
	return s.session(ctx, database, func(conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, work)
	})
}

// querier is a connection or a transaction.
type querier interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
	QueryRow(context.Context, string, ...any) pgx.Row
}

// exec runs statements in order; what says, in an error, what they were for.
func exec(ctx context.Context, q querier, what string, statements ...string) error {
	for _, statement := range statements {
		if _, err := q.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// found scans one row and tells whether there was one.
func found(row pgx.Row, into ...any) (bool, error) {
	err := row.Scan(into...)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// memberOf runs work as a member of the roles. A superuser needs no membership; whoever else administers the server
// (on Cloud SQL, say) gets it for the time being, as the official provider does it.
func memberOf(ctx context.Context, q querier, roles []string, work func() error) error {
	joined := []string{}
	for _, role := range roles {
		needed, err := mustJoin(ctx, q, role)
		if err != nil {
			return err
		}
		if needed {
			if err := exec(ctx, q, "joining role "+role, "GRANT "+quote(role)+" TO CURRENT_USER"); err != nil {
				return err
			}
			joined = append(joined, role)
		}
	}
	if err := work(); err != nil {
		return err
	}
	for _, role := range joined {
		if err := leave(ctx, q, role); err != nil {
			return err
		}
	}
	return nil
}

// mustJoin tells whether the signed-in role may not yet act as another. Since PostgreSQL 16 a membership can be one that
// does not allow it (set_option); the detour over JSON reads a column that older servers lack.
func mustJoin(ctx context.Context, q querier, role string) (needed bool, err error) {
	_, err = found(q.QueryRow(ctx, `SELECT NOT me.rolsuper AND me.oid <> other.oid AND NOT EXISTS (
			SELECT FROM pg_auth_members AS m WHERE m.roleid = other.oid AND m.member = me.oid
			AND COALESCE((to_jsonb(m) ->> 'set_option')::boolean, true))
		FROM pg_roles AS me, pg_roles AS other
		WHERE me.rolname = current_user AND other.rolname = $1 AND NOT other.rolsuper`, role), &needed)
	return needed, err
}

func leave(ctx context.Context, q querier, role string) error {
	var exists bool
	if err := q.QueryRow(ctx, "SELECT count(*) > 0 FROM pg_roles WHERE rolname = $1", role).Scan(&exists); err != nil || !exists {
		return err
	}
	return exec(ctx, q, "leaving role "+role, "REVOKE "+quote(role)+" FROM CURRENT_USER")
}

func quote(identifier string) string { return pgx.Identifier{identifier}.Sanitize() }

// literal quotes a string constant; the escaped form is the same whatever standard_conforming_strings says.
func literal(text string) string {
	quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	if strings.Contains(quoted, `\`) {
		return "E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}
