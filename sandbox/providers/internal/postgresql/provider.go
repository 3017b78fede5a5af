package postgresql

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"fleet.local/sandbox/providers/internal/standin"
	"fleet.local/sandbox/providers/schemas"

	"github.com/jackc/pgx/v5"
)

// Provider stands in for cyrilgdn/postgresql.
var Provider = standin.Provider[*server]{
	Schema:    schemas.PostgreSQL,
	Configure: configure,
	Resources: map[string]standin.Resource[*server]{
		"postgresql_role":     role,
		"postgresql_database": database,
		"postgresql_schema":   schema,
		"postgresql_grant":    grant,
	},
}

const defaultMaxConnections = 20

// settings are those of the official provider; each falls back to the environment variable that libpq knows.
var settings = []struct{ attribute, variable, keyword, fallback string }{
	{"host", "PGHOST", "host", ""},
	{"port", "PGPORT", "port", "5432"},
	{"database", "PGDATABASE", "dbname", "postgres"},
	{"username", "PGUSER", "user", "postgres"},
	{"password", "PGPASSWORD", "password", ""},
	{"sslmode", "PGSSLMODE", "sslmode", "require"},
	{"sslrootcert", "", "sslrootcert", ""},
	{"connect_timeout", "PGCONNECT_TIMEOUT", "connect_timeout", "180"},
}

// Ways to sign in that need a cloud's own library.
var refusedSettings = []string{
	"aws_rds_iam_auth", "azure_identity_auth", "gcp_iam_impersonate_service_account", "clientcert",
}

func configure(_ context.Context, config standin.Values) (*server, error) {
	for _, name := range refusedSettings {
		if !standin.Zero(config[name]) {
			return nil, fmt.Errorf("the stand-in does not do %q; the official provider does", name)
		}
	}
	if scheme := standin.Get[string](config, "scheme"); scheme != "" && scheme != "postgres" {
		return nil, fmt.Errorf("the stand-in does not do the scheme %q; the official provider does", scheme)
	}
	parsed, err := pgx.ParseConfig(dsn(config))
	if err != nil {
		// The parser's own error repeats the connection string.
		return nil, errors.New("the provider's connection settings (host, port, sslmode, sslrootcert) are not valid")
	}
	parsed.RuntimeParams["application_name"] = "Terraform provider"
	most := connections(config)
	return &server{config: parsed, slots: make(chan struct{}, most), idle: make(chan *link, most/2)}, nil
}

func dsn(config standin.Values) string {
	words := []string{}
	for _, s := range settings {
		value := ""
		if configured := config[s.attribute]; configured != nil && configured != standin.Unknown {
			value = fmt.Sprint(configured)
		}
		if value == "" && s.variable != "" {
			value = os.Getenv(s.variable)
		}
		if value == "" {
			value = s.fallback
		}
		if value != "" {
			escaped := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value)
			words = append(words, s.keyword+"='"+escaped+"'")
		}
	}
	return strings.Join(words, " ")
}

func connections(config standin.Values) int {
	if most := standin.Get[int64](config, "max_connections"); most > 0 {
		return int(most)
	}
	return defaultMaxConnections
}
