package keycloak

import "fleet.local/sandbox/providers/internal/standin"

// A realm's nested blocks: its answer headers, its defence against guessed passwords, its languages. A block that is
// left out means the defaults, and for the defence: none.

var headerFields = []field{
	{"x_frame_options", "xFrameOptions", text},
	{"content_security_policy", "contentSecurityPolicy", text},
	{"content_security_policy_report_only", "contentSecurityPolicyReportOnly", text},
	{"x_content_type_options", "xContentTypeOptions", text},
	{"x_robots_tag", "xRobotsTag", text},
	{"x_xss_protection", "xXSSProtection", text},
	{"strict_transport_security", "strictTransportSecurity", text},
	{"referrer_policy", "referrerPolicy", text},
}

var bruteForceFields = []field{
	{"permanent_lockout", "permanentLockout", flag},
	{"brute_force_strategy", "bruteForceStrategy", text},
	{"max_temporary_lockouts", "maxTemporaryLockouts", whole},
	{"max_login_failures", "failureFactor", whole},
	{"wait_increment_seconds", "waitIncrementSeconds", whole},
	{"quick_login_check_milli_seconds", "quickLoginCheckMilliSeconds", whole},
	{"minimum_quick_login_wait_seconds", "minimumQuickLoginWaitSeconds", whole},
	{"max_failure_wait_seconds", "maxFailureWaitSeconds", whole},
	{"failure_reset_time_seconds", "maxDeltaTimeSeconds", whole},
}

var localeFields = []field{
	{"supported_locales", "supportedLocales", set},
	{"default_locale", "defaultLocale", text},
}

// single gives a block that occurs at most once, or nil.
func single(values standin.Values, name string) standin.Values {
	if list := standin.Get[[]any](values, name); len(list) == 1 {
		block, _ := list[0].(standin.Values)
		return block
	}
	return nil
}

// defaultsOf gives a block's defaults out of the resource's.
func defaultsOf(prefix string, fields []field) standin.Values {
	values := standin.Values{}
	for _, f := range fields {
		values[f.attribute] = realmDefaults[prefix+f.attribute]
	}
	return values
}

func writeBlocks(into representation, planned standin.Values) {
	defences := single(planned, "security_defenses")
	headers := single(defences, "headers")
	if headers == nil {
		headers = defaultsOf("security_defenses.headers.", headerFields)
	}
	sent := representation{}
	write(sent, headerFields, headers)
	into["browserSecurityHeaders"] = sent

	bruteForce := single(defences, "brute_force_detection")
	into["bruteForceProtected"] = bruteForce != nil
	if bruteForce == nil {
		bruteForce = defaultsOf("security_defenses.brute_force_detection.", bruteForceFields)
	}
	write(into, bruteForceFields, bruteForce)

	locales := single(planned, "internationalization")
	into["internationalizationEnabled"] = locales != nil
	write(into, localeFields, locales)
}

// readBlocks reports headers only where the state has the block: a realm always has headers, wanted or not.
func readBlocks(values standin.Values, from representation, state standin.Values) {
	values["security_defenses"], values["internationalization"] = []any{}, []any{}
	defences := standin.Values{"headers": []any{}, "brute_force_detection": []any{}}
	stated := single(state, "security_defenses")
	if single(stated, "headers") != nil {
		headers, _ := from["browserSecurityHeaders"].(representation)
		defences["headers"] = []any{read(headers, headerFields)}
	}
	if from["bruteForceProtected"] == true {
		defences["brute_force_detection"] = []any{read(from, bruteForceFields)}
	}
	if stated != nil {
		values["security_defenses"] = []any{defences}
	}
	if from["internationalizationEnabled"] == true {
		values["internationalization"] = []any{read(from, localeFields)}
	}
}
