import{b as g}from"./chunk-CQVKA6D7.js";import{A as T,Da as I,Ea as i,Fa as x,Ka as W,La as P,Y as v,b as d,c as E,ea as _,g as p,h as O,m as F,ma as D,na as k,oa as y,pa as C,qa as b,ra as N}from"./chunk-DVZ2JOGS.js";await I(()=>import("./words_dialogs-OFBANTFS.js"),()=>import("./words_dialogs_de-ZIZBGSCI.js"));var R=[["pages",["path","entry_path","exit_path","hostname"]],["sources",["channel","source","referrer","utm_source","utm_medium","utm_campaign","utm_term","utm_content"]],["locations",["country","region","city","language"]],["devices",["browser","os","device","screen"]],["events",["type","subject","payload"]]],j=["entry_path","exit_path"],A=50,q=300,K=["channel","country","region","city","language","browser","os","device"],h="payload.";function U({state:t,go:o,index:r,close:l,isOfEvents:u=!1}){let c=r===null?void 0:k(t.filter)[r],[s,a]=d(()=>z(c)),e=m=>a({...s,...m}),{values:n,isWhole:f}=Z(t,B(s),r),$=Q(s,n),w=f?S(s,n).filter(m=>!n.includes(m)):[],M=m=>{m.preventDefault(),$&&(o({filter:r===null?N(t.filter,$):b(t.filter,r,$)}),l())};return p`<${g} title=${i(r===null?"addFilter":"editFilter")} close=${l} isNarrow=${!0}>
<form onSubmit=${M}>
<${Y} draft=${s} change=${e} isOfEvents=${u} />
${G(s.operator)&&p`<${J} draft=${s} change=${e} options=${n} />`}
<div class="field muted" role="status">${L(s.operator)&&w.length>0&&i("unknownValue",{value:w.join(", ")})}</div>
<div class="dlg-foot">
<button type="button" class="btn" onClick=${l}>${i("cancel")}</button>
<button class="btn primary" disabled=${!$}>${i("apply")}</button>
</div>
</form>
<//>`}function z(t){let o=t?.field??"path",r=o.startsWith(h);return{field:r?"payload":o,property:r?o.slice(h.length):"",operator:X(t),values:t?.values?.filter(Boolean)??[],typed:""}}function B({field:t,property:o}){return t!=="payload"?t:o?C(o):""}var G=t=>t!=="empty"&&t!=="notEmpty",L=t=>t==="=="||t==="!=";function H({field:t,operator:o},r,l){let u=r.toLowerCase(),c=l.map(e=>v(t,e).toLowerCase()),s=K.includes(t)&&L(o)?c.flatMap((e,n)=>e.startsWith(u)?l[n]:[]):[];return l.find(e=>e===r)??l.find((e,n)=>c[n]===u||e.toLowerCase()===u)??(s.length===1?s[0]:r)}function S(t,o){let r=[...t.values,t.typed.trim()].filter(Boolean);return[...new Set(r.map(l=>H(t,l,o)))]}function Q(t,o){let r=B(t);if(!r)return"";if(!G(t.operator))return y(r,t.operator==="empty"?"==":"!=",[""]);let l=S(t,o);return l.length?y(r,t.operator,l):""}function Y({draft:t,change:o,isOfEvents:r}){let l=a=>o({field:a.target.value,values:[],typed:""}),u=a=>o({operator:a.target.value}),c=a=>o({property:a.target.value}),s=(a,e)=>p`<option key=${a} value=${a}>${e}</option>`;return p`<div class="pair">
<label class="field">${i("field")}
<select value=${t.field} data-focus onChange=${l}>
${R.map(([a,e])=>p`<optgroup key=${a} label=${i(a)}>
${e.filter(n=>F(n)&&!(r&&j.includes(n))).map(n=>s(n,x(n)))}
</optgroup>`)}
</select>
</label>
<label class="field">${i("operator")}
<select value=${t.operator} onChange=${u}>
${[...D,"empty","notEmpty"].map(a=>s(a,i(a)))}
</select>
</label>
</div>
${t.field==="payload"&&p`<label class="field">${i("propertyName")}
<input value=${t.property} placeholder="plan" onInput=${c} />
</label>`}`}function J({draft:t,change:o,options:r}){let{field:l,values:u,typed:c}=t,s=e=>{e.key!=="Enter"||!c.trim()||(e.preventDefault(),o({values:S(t,r),typed:""}))},a=e=>o({values:u.filter(n=>n!==e)});return p`<div class="values">
${u.map(e=>p`<span class="chip" key=${e}>
<span class="lbl">${v(l,e)}</span>
<button type="button" aria-label=${i("remove",{value:e})} onClick=${()=>a(e)}>
<${_} name="x" size="13" />
</button>
</span>`)}
</div>
<label class="field">${i(u.length?"anotherValue":"value")}
<input list="filter-values" autocomplete="off" value=${c} placeholder=${i("valueHint")}
onInput=${e=>o({typed:e.target.value})} onKeyDown=${s} />
</label>
<datalist id="filter-values">
${r.filter(e=>!u.includes(e)).map(e=>p`<option key=${e} value=${e}>${v(l,e)}</option>`)}
</datalist>`}function X(t){return t?.values?.length===1&&t.values[0]===""?t.operator==="=="?"empty":"notEmpty":t?.operator??"=="}function Z(t,o,r){let[l,u]=d({...V,dimension:""});return E(()=>{if(!o)return;let c=T(t,r===null?t.filter:b(t.filter,r));c.set("dimension",o);let s=o==="country"?q:A;c.set("limit",String(s));let a=new AbortController,e=setTimeout(()=>W("reports/breakdown?"+c,a.signal).then(n=>u({dimension:o,values:n.rows.flatMap(f=>f.value||[]),isWhole:!n.next_cursor}),()=>{}),o.startsWith(h)?400:0);return()=>{clearTimeout(e),a.abort()}},[o]),l.dimension===o?l:V}var V={values:[],isWhole:!1};function it({state:t,go:o,close:r}){let[l,u]=d(""),[c,s]=d(!1),a=async e=>{e.preventDefault(),s(!0);try{let n=String(new FormData(e.target).get("name")).trim(),f=await P("POST","segments",{site:O,name:n,filter:t.filter});o({filter:f.term}),r()}catch(n){u(n.message||i("offline")),s(!1)}};return p`<${g} title=${i("saveSegment")} close=${r} isNarrow=${!0}><form onSubmit=${a}>
<label class="field">${i("segmentName")}<input name="name" required maxlength="100" data-focus /></label>
${l&&p`<div class="card alert" role="alert"><div>${l}</div></div>`}
<div class="dlg-foot"><button type="button" class="btn" onClick=${r}>${i("cancel")}</button>
<button class="btn primary" disabled=${c}>${i("save")}</button></div>
</form><//>`}export{it as SegmentDialog,U as default,H as meantValue};
