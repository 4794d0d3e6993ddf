{#
  One end of the Wilson interval of a share: `shares` seen in `cases`, `z` standard errors wide. `sign` is '+' for the
  upper and '-' for the lower end. Shares outside 0 to 1 (more orders than visitors) are read as 0 or 1.
#}
{% macro wilson_end(share, cases, z, sign) -%}
(
    (
        least(greatest({{ share }}, 0), 1) + {{ z }} * {{ z }} / (2.0 * {{ cases }})
        {{ sign }} {{ z }} * sqrt(
            least(greatest({{ share }}, 0), 1) * (1 - least(greatest({{ share }}, 0), 1)) / {{ cases }}
            + {{ z }} * {{ z }} / (4.0 * {{ cases }} * {{ cases }})
        )
    ) / (1 + {{ z }} * {{ z }} / {{ cases }})
)
{%- endmacro %}
