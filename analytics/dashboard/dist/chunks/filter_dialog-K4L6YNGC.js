import{b}from"./chunk-VGCHZCYT.js";import{A as w,Da as k,Ea as s,Fa as I,Ka as C,La as N,Y as $,b as f,c as h,ea as E,g as c,h as S,m as O,ma as F,na as D,oa as v,pa as T,qa as y,ra as _}from"./chunk-NUTBCF7K.js";await k(()=>import("./words_dialogs-2G337C2R.js"),()=>import("./words_dialogs_de-MKB7XEFF.js"));var W=[["pages",["path","entry_path","exit_path","hostname"]],["sources",["channel","source","referrer","utm_source","utm_medium","utm_campaign","utm_term","utm_content"]],["locations",["country","region","city","language"]],["devices",["browser","os","device","screen"]],["events",["type","subject","payload"]]],j=["entry_path","exit_path"],q=50,g="payload.";function x({state:t,go:e,index:r,close:i,isOfEvents:u=!1}){let p=r===null?void 0:D(t.filter)[r],[n,l]=f(()=>A(p)),o=d=>l({...n,...d}),a=G(n),m=L(t,P(n),r),V=d=>{d.preventDefault(),a&&(e({filter:r===null?_(t.filter,a):y(t.filter,r,a)}),i())};return c`<${b} title=${s(r===null?"addFilter":"editFilter")} close=${i} isNarrow=${!0}>
<form onSubmit=${V}>
<${K} draft=${n} change=${o} isOfEvents=${u} />
${B(n.operator)&&c`<${z} draft=${n} change=${o} options=${m} />`}
<div class="dlg-foot">
<button type="button" class="btn" onClick=${i}>${s("cancel")}</button>
<button class="btn primary" disabled=${!a}>${s("apply")}</button>
</div>
</form>
<//>`}function A(t){let e=t?.field??"path",r=e.startsWith(g);return{field:r?"payload":e,property:r?e.slice(g.length):"",operator:H(t),values:t?.values?.filter(Boolean)??[],typed:""}}function P({field:t,property:e}){return t!=="payload"?t:e?T(e):""}var B=t=>t!=="empty"&&t!=="notEmpty",R=({values:t,typed:e})=>[...new Set([...t,e.trim()])].filter(Boolean);function G(t){let e=P(t);if(!e)return"";if(!B(t.operator))return v(e,t.operator==="empty"?"==":"!=",[""]);let r=R(t);return r.length?v(e,t.operator,r):""}function K({draft:t,change:e,isOfEvents:r}){let i=l=>e({field:l.target.value,values:[],typed:""}),u=l=>e({operator:l.target.value}),p=l=>e({property:l.target.value}),n=(l,o)=>c`<option key=${l} value=${l}>${o}</option>`;return c`<div class="pair">
<label class="field">${s("field")}
<select value=${t.field} data-focus onChange=${i}>
${W.map(([l,o])=>c`<optgroup key=${l} label=${s(l)}>
${o.filter(a=>O(a)&&!(r&&j.includes(a))).map(a=>n(a,I(a)))}
</optgroup>`)}
</select>
</label>
<label class="field">${s("operator")}
<select value=${t.operator} onChange=${u}>
${[...F,"empty","notEmpty"].map(l=>n(l,s(l)))}
</select>
</label>
</div>
${t.field==="payload"&&c`<label class="field">${s("propertyName")}
<input value=${t.property} placeholder="plan" onInput=${p} />
</label>`}`}function z({draft:t,change:e,options:r}){let{field:i,values:u,typed:p}=t,n=o=>{o.key!=="Enter"||!p.trim()||(o.preventDefault(),e({values:R(t),typed:""}))},l=o=>e({values:u.filter(a=>a!==o)});return c`<div class="values">
${u.map(o=>c`<span class="chip" key=${o}>
<span class="lbl">${$(i,o)}</span>
<button type="button" aria-label=${s("remove",{value:o})} onClick=${()=>l(o)}>
<${E} name="x" size="13" />
</button>
</span>`)}
</div>
<label class="field">${s(u.length?"anotherValue":"value")}
<input list="filter-values" autocomplete="off" value=${p} placeholder=${s("valueHint")}
onInput=${o=>e({typed:o.target.value})} onKeyDown=${n} />
</label>
<datalist id="filter-values">
${r.filter(o=>!u.includes(o)).map(o=>c`<option key=${o} value=${o}>${$(i,o)}</option>`)}
</datalist>`}function H(t){return t?.values?.length===1&&t.values[0]===""?t.operator==="=="?"empty":"notEmpty":t?.operator??"=="}function L(t,e,r){let[i,u]=f({dimension:"",values:[]});return h(()=>{if(!e)return;let p=w(t,r===null?t.filter:y(t.filter,r));p.set("dimension",e),p.set("limit",String(q));let n=new AbortController,l=setTimeout(()=>C("reports/breakdown?"+p,n.signal).then(o=>u({dimension:e,values:o.rows.flatMap(a=>a.value??[])}),()=>{}),e.startsWith(g)?400:0);return()=>{clearTimeout(l),n.abort()}},[e]),i.dimension===e?i.values:[]}function et({state:t,go:e,close:r}){let[i,u]=f(""),[p,n]=f(!1),l=async o=>{o.preventDefault(),n(!0);try{let a=String(new FormData(o.target).get("name")).trim(),m=await N("POST","segments",{site:S,name:a,filter:t.filter});e({filter:m.term}),r()}catch(a){u(a.message||s("offline")),n(!1)}};return c`<${b} title=${s("saveSegment")} close=${r} isNarrow=${!0}><form onSubmit=${l}>
<label class="field">${s("segmentName")}<input name="name" required maxlength="100" data-focus /></label>
${i&&c`<div class="card alert" role="alert"><div>${i}</div></div>`}
<div class="dlg-foot"><button type="button" class="btn" onClick=${r}>${s("cancel")}</button>
<button class="btn primary" disabled=${p}>${s("save")}</button></div>
</form><//>`}export{et as SegmentDialog,x as default};
