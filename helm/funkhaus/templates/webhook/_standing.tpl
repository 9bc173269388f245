{{/*
All that admission stands on, as JSON: {"objects": [...]}. Made of the templates themselves, so that nothing is said twice. The webhook
compares the cluster with it and puts back what was changed (funkhaus_webhook.guarding); rbac.yaml lets it write these names and no other.
*/}}
{{- define "funkhaus.admission.objects" -}}
{{- $found := list -}}
{{- $files := list "webhook/configurations.yaml" "webhook/backstop-finalizers.yaml" "webhook/backstop-functions.yaml" "webhook/backstop-marks.yaml" "webhook/backstop-namespaces.yaml" "webhook/backstop-orphans.yaml" "webhook/backstop-pods.yaml" "webhook/backstop-secrets.yaml" "webhook/backstop-triggers.yaml" "controller/guard.yaml" "members/guard.yaml" "waker/guard.yaml" -}}
{{- range $file := $files -}}
{{- range $text := regexSplit "(?m)^---\\s*$" (include (printf "%s/%s" $.Template.BasePath $file) $) -1 -}}
{{- $object := fromYaml $text -}}
{{- if $object.kind -}}
{{- $found = append $found $object -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- dict "objects" $found | toJson -}}
{{- end -}}
