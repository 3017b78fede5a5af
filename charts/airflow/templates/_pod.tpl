{{/* What the pods of all components have in common. */}}

{{/* Pod level: list(root, component, the component's values). */}}
{{- define "airflow.pod" -}}
{{- $root := index . 0 -}}
{{- $own := index . 2 -}}
serviceAccountName: {{ include "airflow.serviceAccountName" . | quote }}
enableServiceLinks: false
{{- with $own.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $own.terminationGracePeriodSeconds }}
terminationGracePeriodSeconds: {{ int . }}
{{- end }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ if kindIs "string" . }}{{ . | quote }}{{ else }}{{ .name | quote }}{{ end }}
  {{- end }}
{{- end }}
{{- with $own.nodeSelector | default $root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations | default $root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsUser: {{ int $root.Values.uid }}
  runAsGroup: {{ int $root.Values.gid }}
  fsGroup: {{ int $root.Values.gid }}
  {{- toYaml $root.Values.securityContexts.pod | nindent 2 }}
{{- end }}

{{/* Replicas of one component on different nodes where there are several: list(root, component). */}}
{{- define "airflow.spread" -}}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "airflow.selector" . | nindent 14 }}
{{- end }}

{{/* Container level: list(root, the component's values). */}}
{{- define "airflow.container" -}}
{{- $root := index . 0 -}}
image: {{ include "airflow.image" $root }}
imagePullPolicy: {{ $root.Values.images.airflow.pullPolicy }}
securityContext:
  {{- toYaml $root.Values.securityContexts.containers | nindent 2 }}
{{- with (index . 1).resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "airflow.envFrom" $root }}
{{- . }}
{{- end }}
{{- end }}

{{/* Mounts: dict root, dags (whether this component reads DAGs). */}}
{{- define "airflow.mounts" -}}
{{- $root := .root -}}
{{- $home := $root.Values.airflowHome -}}
- name: config
  mountPath: {{ $home }}/airflow.cfg
  subPath: airflow.cfg
  readOnly: true
{{- if $root.Values.airflowLocalSettings }}
- name: config
  mountPath: {{ $home }}/config/airflow_local_settings.py
  subPath: airflow_local_settings.py
  readOnly: true
{{- end }}
- name: logs
  mountPath: {{ $home }}/logs
- name: tmp
  mountPath: /tmp
{{- if and .dags $root.Values.dags.gitSync.enabled }}
- name: dags
  mountPath: {{ include "airflow_dags_mount_path" $root }}
  readOnly: true
{{- end }}
{{- with $root.Values.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Volumes for those mounts: dict root, dags. */}}
{{- define "airflow.volumes" -}}
{{- $root := .root -}}
{{- $git := $root.Values.dags.gitSync -}}
- name: config
  configMap:
    name: {{ include "airflow_config" $root }}
- name: logs
  emptyDir: {{ toJson $root.Values.logs.emptyDirConfig }}
- name: tmp
  emptyDir: {}
{{- if and .dags $git.enabled }}
- name: dags
  emptyDir: {{ toJson $git.emptyDirConfig }}
- name: git-sync-tmp
  emptyDir: {}
{{- if $git.sshKeySecret }}
- name: git-sync-ssh-key
  secret:
    secretName: {{ $git.sshKeySecret | quote }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- with $root.Values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
