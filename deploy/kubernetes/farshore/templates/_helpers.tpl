{{- define "farshore.name" -}}
{{- if contains "farshore" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-farshore" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "farshore.selector" -}}
app.kubernetes.io/name: farshore
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "farshore.labels" -}}
{{ include "farshore.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "farshore.config" -}}
{{- $admin := dict "listen" "0.0.0.0:8320" }}
{{- if .Values.tokenKey }}{{ $_ := set $admin "tokenFile" (printf "/run/secrets/farshore/%s" .Values.tokenKey) }}{{ end }}
{{- toYaml (merge (dict "admin" $admin) .Values.config) }}
{{- end }}
