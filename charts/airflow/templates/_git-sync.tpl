{{/* git-sync beside a component: list(root, whether it only runs once, before the component starts). */}}
{{- define "airflow.gitSync" -}}
{{- $root := index . 0 -}}
{{- $once := index . 1 -}}
{{- $git := $root.Values.dags.gitSync -}}
- name: {{ $git.containerName }}{{ if $once }}-init{{ end }}
  image: {{ printf "%s:%s" $root.Values.images.gitSync.repository $root.Values.images.gitSync.tag }}
  imagePullPolicy: {{ $root.Values.images.gitSync.pullPolicy }}
  securityContext:
    runAsUser: {{ int $git.uid }}
    {{- toYaml $root.Values.securityContexts.containers | nindent 4 }}
  {{- with $git.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  env:
    {{- include "airflow.gitSync.env" (list $git $once) | nindent 4 }}
  volumeMounts:
    - name: dags
      mountPath: /git
    - name: git-sync-tmp
      mountPath: /tmp
    {{- if $git.sshKeySecret }}
    - name: git-sync-ssh-key
      mountPath: /etc/git-secret/ssh
      subPath: gitSshKey
      readOnly: true
    {{- if $git.knownHosts }}
    - name: config
      mountPath: /etc/git-secret/known_hosts
      subPath: known_hosts
      readOnly: true
    {{- end }}
    {{- end }}
{{- end }}

{{/* list(git-sync's values, once) */}}
{{- define "airflow.gitSync.env" -}}
{{- $git := index . 0 -}}
{{- $settings := list
      (list "GITSYNC_REPO" $git.repo)
      (list "GITSYNC_REF" $git.ref)
      (list "GITSYNC_DEPTH" (int $git.depth))
      (list "GITSYNC_PERIOD" $git.period)
      (list "GITSYNC_MAX_FAILURES" (int $git.maxFailures))
      (list "GITSYNC_ROOT" "/git")
      (list "GITSYNC_LINK" "repo")
      (list "GITSYNC_ONE_TIME" (index . 1))
      (list "HOME" "/tmp") -}}
{{- if $git.sshKeySecret -}}
  {{- $known := not (empty $git.knownHosts) -}}
  {{- $settings = concat $settings (list
        (list "GITSYNC_SSH_KEY_FILE" "/etc/git-secret/ssh")
        (list "GITSYNC_SSH_KNOWN_HOSTS" $known)
        (list "GITSYNC_SSH_KNOWN_HOSTS_FILE" "/etc/git-secret/known_hosts")) -}}
{{- end -}}
{{- range $settings }}
- name: {{ index . 0 }}
  value: {{ index . 1 | quote }}
{{- end }}
{{- if $git.credentialsSecret }}
{{- range list "GITSYNC_USERNAME" "GITSYNC_PASSWORD" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ $git.credentialsSecret | quote }}
      key: {{ . }}
{{- end }}
{{- end }}
{{- range $git.env }}
- name: {{ .name }}
  value: {{ .value | quote }}
{{- end }}
{{- end }}
