{{/* The name of everything that this release makes. */}}
{{- define "wharf.name" -}}
{{- if contains "wharf" .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-wharf" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "wharf.selector" -}}
app.kubernetes.io/name: wharf
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "wharf.labels" -}}
{{ include "wharf.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "wharf.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "wharf.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "wharf.name" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{/* Whether there is a volume: for the filesystem driver only. */}}
{{- define "wharf.persistent" -}}
{{- if and .Values.persistence.enabled (or .Values.existingConfigSecret (hasKey (.Values.config.storage | default dict) "filesystem")) -}}
true
{{- end -}}
{{- end -}}

{{/* What the chart knows better than its user: where to listen, and the certificate that it mounts. */}}
{{- define "wharf.config" -}}
{{- $http := dict "addr" ":5000" "debug" (dict "addr" (printf ":%v" .Values.metrics.port) "prometheus" (dict "enabled" true)) -}}
{{- if .Values.tls.secretName -}}
{{- $_ := set $http "tls" (dict "certificate" "/etc/wharf-tls/tls.crt" "key" "/etc/wharf-tls/tls.key") -}}
{{- end -}}
{{- mergeOverwrite (deepCopy .Values.config) (dict "http" $http) | toYaml -}}
{{- end -}}
