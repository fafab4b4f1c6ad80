import{c}from"./chunk-MPMQ2PPM.js";import"./chunk-R6ISBZZL.js";import{D as e,Ea as o,P as h,R as n,g as t}from"./chunk-DVZ2JOGS.js";function k({points:$,before:r,metric:a,unit:p,label:m,now:b}){let{long:d}=h[a],{begun:i,running:u}=c($,b);return t`<div class="points" tabindex="0" role="region" aria-label=${m}><table>
<thead><tr><th scope="col">${o("date")}</th><th scope="col">${o(a)}
</th>${r&&t`<th scope="col">${o("before")}</th>`}</tr></thead>
<tbody>${$.map((l,s)=>t`<tr key=${l.ts}>
<th scope="row">${n(l.ts,p)}${s===u?` (${o("soFar")})`:""}</th>
<td>${s<i?d(l[a]):e}</td>${r&&t`<td class="none">
${r[s]?d(r[s][a]):e}</td>`}</tr>`)}</tbody>
</table></div>`}export{k as PointTable};
